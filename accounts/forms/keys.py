"""What people fill in about an API key."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    CHECKBOX_CLASSES,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from accounts.models import ApiKey, Partner
from accounts.services.keys import MAX_NETWORKS, MAX_NOTE, MAX_REQUESTS_PER_MINUTE
from openplatform.core import clock
from openplatform.core.scopes import Scope
from openplatform.core.visible_text import require_visible


class ScopeList(forms.CheckboxSelectMultiple):
    """The scopes, what each opens, those that only look apart from those that change something."""

    template_name = "accounts/scope_list.html"
    input_type = "scopes"  # unfold would show a checkbox beside its label; the template has many

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """With a group for each half, and the description of each scope."""
        context = super().get_context(name, value, attrs)
        chosen = set(context["widget"]["value"] or ())
        context["checkbox_classes"] = " ".join(CHECKBOX_CLASSES)
        context["groups"] = [
            (title, [(scope, scope in chosen) for scope in Scope if scope.is_write == is_write])
            for title, is_write in ((_("Looks"), False), (_("Changes something"), True))
        ]
        return context


class LinesField(forms.CharField):
    """A list of texts, one a line; empty lines are passed over."""

    widget = UnfoldAdminTextareaWidget

    def clean(self, value: Any) -> list[str]:
        """The lines without blanks around them."""
        return [line.strip() for line in super().clean(value).splitlines() if line.strip()]


def _end_field(label: Any, help_text: Any, **kwargs: Any) -> Any:
    def require_future(end: datetime) -> None:
        if end <= clock.now():
            raise forms.ValidationError(_("The end is a time to come"))

    return forms.SplitDateTimeField(
        label=label,
        help_text=help_text,
        widget=UnfoldAdminSplitDateTimeWidget(),
        validators=[require_future],
        **kwargs,
    )


class KeyTermsForm(forms.Form):
    """What a key opens, and to whom."""

    note = forms.CharField(
        label=_("Note"),
        max_length=MAX_NOTE,
        required=False,
        validators=[require_visible],
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("What the key is for"),
    )
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        choices=Scope.choices,
        widget=ScopeList(),
        help_text=_("What the key may do; none that it does not need"),
    )
    allowed_networks = LinesField(
        label=_("Allowed networks"),
        required=False,
        max_length=MAX_NETWORKS * 50,
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 3, "placeholder": "203.0.113.0/24\n2001:db8::/32"}
        ),
        help_text=_("One a line, CIDR, IPv4 or IPv6. Left empty, every address may use the key."),
    )
    requests_per_minute = forms.IntegerField(
        label=_("Requests per minute"),
        required=False,
        min_value=1,
        max_value=MAX_REQUESTS_PER_MINUTE,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text=_("Left empty, the platform's limit holds"),
    )
    public_key = forms.CharField(
        label=_("Public key"),
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 3, "placeholder": "-----BEGIN PUBLIC KEY-----", "class": "font-mono"}
        ),
        help_text=_(
            "Ed25519 in PEM. The partner keeps the private half and signs its requests with it."
        ),
    )
    requires_signature = forms.BooleanField(
        label=_("Only signed requests"),
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
        help_text=_("Requests without a signature by the public key above are refused"),
    )


class ApiKeyForm(KeyTermsForm):
    """A key that is to be."""

    partner = forms.ModelChoiceField(
        label=_("Partner"),
        queryset=Partner.objects.order_by("code"),
        widget=UnfoldAdminSelect2Widget(),
    )
    expires_at = _end_field(
        _("Expires at"), _("Left empty, the key does not expire"), required=False
    )
    field_order = ("partner", "note", "scopes", "expires_at")


class RotateKeyForm(forms.Form):
    """The ends of a key and of the one that takes its place."""

    old_ends_at = _end_field(
        _("The old key ends at"), _("Until then both open; an earlier end that it has stays")
    )
    expires_at = _end_field(
        _("The new key ends at"), _("Left empty, the key does not expire"), required=False
    )


class RevokeKeyForm(forms.Form):
    """Why a key is ended."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        required=False,
        validators=[require_visible],
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("For the audit trail"),
    )


def terms_of(key: ApiKey) -> dict[str, Any]:
    """What :class:`KeyTermsForm` shows of a key."""
    return {
        "note": key.note,
        "scopes": key.scopes,
        "allowed_networks": "\n".join(key.allowed_networks),
        "requests_per_minute": key.requests_per_minute,
        "public_key": key.public_key,
        "requires_signature": key.requires_signature,
    }
