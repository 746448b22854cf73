"""The admin site of the platform."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.forms import AdminOwnPasswordChangeForm
from unfold.sites import UnfoldAdminSite

from openplatform.audit.actions import name_actions
from openplatform.backoffice.forms import SignInForm
from openplatform.backoffice.services.signing_in import SIGN_IN, SIGN_IN_FAILED
from openplatform.core.admin.edits import record_password_change
from openplatform.core.admin.staff import get_staff

name_actions({SIGN_IN: _("Signed in"), SIGN_IN_FAILED: _("Sign-in failed")})


class BackofficeSite(UnfoldAdminSite):
    """Unfold's site under our name; the apps register with ``django.contrib.admin.site``."""

    site_header = _("Open platform")
    site_title = _("Open platform")
    index_title = _("Overview")
    index_template = "backoffice/index.html"
    login_form = SignInForm
    password_change_form = AdminOwnPasswordChangeForm

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One's own password; that it is another one stands in the trail."""
        with transaction.atomic():
            user = User.objects.get(username=get_staff(request).username)
            before = user.password
            response: HttpResponse = super().password_change(request, extra_context)
            user.refresh_from_db()
            if user.password != before:
                record_password_change(user, actor=user.get_username())
        return response
