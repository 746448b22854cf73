"""What people fill in to get into the back office."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils.translation import ngettext
from unfold.forms import AuthenticationForm

from openplatform.backoffice.services.signing_in import (
    TooManyFailures,
    begin_try,
    note_failure,
    note_success,
)
from openplatform.core.api.client_address import address_of

SECONDS = 60


class SignInForm(AuthenticationForm):
    """User name and password, looked at as long as not too many failed."""

    def clean(self) -> dict[str, Any]:
        """The same refusal for a right password as for a wrong one, and for a name of nobody."""
        username = self.cleaned_data.get("username")
        if username is None or not self.cleaned_data.get("password"):
            return {}
        try:
            attempt = begin_try(username=username, address=address_of(self.request))
        except TooManyFailures as error:
            minutes = -(-error.wait_seconds // SECONDS)
            raise forms.ValidationError(
                ngettext(
                    "Too many failed attempts; try again in %(minutes)d minute",
                    "Too many failed attempts; try again in %(minutes)d minutes",
                    minutes,
                ),
                code="too_many_failures",
                params={"minutes": minutes},
            ) from error
        try:
            values: dict[str, Any] = super().clean()
        except forms.ValidationError:
            note_failure(attempt)
            raise
        user = self.get_user()
        if isinstance(user, User):
            note_success(attempt, user=user)
        return values
