from django.apps import AppConfig
from django.contrib.admin import apps as admin
from django.utils.translation import gettext_lazy as _


class AdminConfig(admin.AdminConfig):
    default = False
    default_site = "openplatform.backoffice.site.BackofficeSite"


class BackofficeConfig(AppConfig):
    default = True
    name = "openplatform.backoffice"
    verbose_name = _("Back office")
