"""The admin site of the platform."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from unfold.forms import AdminOwnPasswordChangeForm
from unfold.sites import UnfoldAdminSite


class BackofficeSite(UnfoldAdminSite):
    """Unfold's site under our name; the apps register with ``django.contrib.admin.site``."""

    site_header = _("Open platform")
    site_title = _("Open platform")
    index_title = _("Overview")
    index_template = "backoffice/index.html"
    password_change_form = AdminOwnPasswordChangeForm
