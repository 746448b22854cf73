"""What people fill in about a provider."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget

from openplatform.connectors.models import Provider
from openplatform.connectors.providers import list_drivers, service_of
from openplatform.core.outgoing.addresses import require_open_url
from openplatform.core.outgoing.faults import AddressNotAllowed
from openplatform.core.visible_text import require_visible
from openplatform.core.web_addresses import require_web_address

KEPT = _("Kept sealed and never shown; left empty, it stays as it is")
MIN_SECRET = 16  # characters


class ProviderForm(forms.ModelForm):  # type: ignore[type-arg] # generic for mypy only
    """A provider. Its secrets go in and never come out."""

    driver = forms.ChoiceField(
        label=_("Interface"), choices=list_drivers, widget=UnfoldAdminSelectWidget()
    )
    new_api_key = forms.CharField(
        label=_("Key"),
        required=False,
        max_length=500,
        validators=[require_visible],
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=KEPT,
    )
    new_callback_secret = forms.CharField(
        label=_("Secret of callbacks"),
        required=False,
        min_length=MIN_SECRET,
        max_length=500,
        validators=[require_visible],
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=KEPT,
    )

    class Meta:
        model = Provider
        fields = (
            "code", "name", "driver", "base_url", "is_enabled", "priority", "carriers",
            "interval_seconds", "refresh_seconds", "timeout_seconds", "charging", "call_cost",
            "period_fee", "settlement",
        )  # fmt: skip

    def clean_base_url(self) -> str:
        """An address that we may call."""
        url: str = self.cleaned_data["base_url"]
        require_web_address(url)
        try:
            require_open_url(url)
        except AddressNotAllowed as error:
            raise ValidationError(
                _("https, unless the host is named in OUTGOING_PRIVATE_HOSTS")
            ) from error
        return url

    def clean(self) -> dict[str, Any] | None:
        """A parcel is not refreshed more often than its provider may be asked; and a key that is
        kept goes nowhere but where it was meant for: else it could be read by leading it away.
        """
        values = super().clean()
        if driver := self.cleaned_data.get("driver"):
            self.instance.service = service_of(driver)
        interval = self.cleaned_data.get("interval_seconds")
        refresh = self.cleaned_data.get("refresh_seconds")
        if interval and refresh and refresh < interval:
            self.add_error("refresh_seconds", _("Not more often than the interval"))
        url = self.cleaned_data.get("base_url")
        is_kept = self.instance.api_key and not self.cleaned_data.get("new_api_key")
        if url and is_kept and _origin_of(url) != _origin_of(self.instance.base_url):
            self.add_error("new_api_key", _("Another host needs the key anew"))
        return values


def _origin_of(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()
