"""What people fill in about webhook endpoints."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    CHECKBOX_CLASSES,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from openplatform.core.visible_text import require_visible
from openplatform.messaging.headers import masked_headers
from openplatform.messaging.messages import TEST_PING
from openplatform.messaging.models import WebhookEndpoint
from openplatform.messaging.models.webhooks import MAX_DESCRIPTION, MAX_URL
from openplatform.messaging.types import TYPES

MAX_HEADER_LINES = 24_000  # characters
MAX_NAME_SHOWN = 64


class TypeList(forms.CheckboxSelectMultiple):
    """The types of messages, those about one thing together, with what each means."""

    template_name = "messaging/type_list.html"
    input_type = "types"  # unfold would show a checkbox beside its label; the template has many

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """With a group for each kind of thing."""
        context = super().get_context(name, value, attrs)
        chosen = set(context["widget"]["value"] or ())
        groups: dict[str, list[tuple[str, str, bool]]] = {}
        for type_name, description in self.choices:
            kind = str(type_name).partition(".")[0]
            groups.setdefault(kind, []).append(
                (str(type_name), str(description), str(type_name) in chosen)
            )
        context["checkbox_classes"] = " ".join(CHECKBOX_CLASSES)
        context["groups"] = list(groups.values())
        return context


class HeadersField(forms.CharField):
    """Headers as ``Name: value``, one a line; empty lines are passed over."""

    widget = UnfoldAdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        """The lines."""
        if isinstance(value, dict):
            return "\n".join(f"{name}: {content}" for name, content in value.items())
        return value

    def clean(self, value: Any) -> dict[str, str]:
        """Name and value of each line.

        :raises ValidationError: for a line that is no header, and for a name that is there twice.
        """
        headers: dict[str, str] = {}
        for number, line in enumerate(super().clean(value).splitlines(), start=1):
            if not line.strip():
                continue
            name, colon, content = (part.strip() for part in line.partition(":"))
            if not (name and colon and content):
                raise forms.ValidationError(
                    _("Line %(number)d is no header: Name: value"), params={"number": number}
                )
            if name.lower() in {known.lower() for known in headers}:
                raise forms.ValidationError(
                    _("%(name)s is there twice"), params={"name": name[:MAX_NAME_SHOWN]}
                )
            headers[name] = content
        return headers


class EndpointTermsForm(forms.Form):
    """Where messages are sent, and which."""

    url = forms.CharField(
        label=_("Address"),
        max_length=MAX_URL,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "https://example.com/webhooks"}),
        help_text=_("https, reachable from the internet"),
    )
    description = forms.CharField(
        label=_("Description"),
        max_length=MAX_DESCRIPTION,
        required=False,
        validators=[require_visible],
        widget=UnfoldAdminTextInputWidget(),
    )
    types = forms.MultipleChoiceField(
        label=_("Types"),
        required=False,
        widget=TypeList(),
        help_text=_("None ticked: all of them, those of the future too"),
    )
    headers = HeadersField(
        label=_("Headers"),
        required=False,
        max_length=MAX_HEADER_LINES,
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 3, "placeholder": "Authorization: Bearer …", "class": "font-mono"}
        ),
        help_text=_(
            "Sent with every request, one a line. Values are kept encrypted and not shown again;"
            " a line left as ******** keeps its value."
        ),
    )

    def __init__(self, *args: Any, kept_types: Collection[str] = (), **kwargs: Any) -> None:
        """:param kept_types: can be chosen, though there be no messages of them any more."""
        super().__init__(*args, **kwargs)
        known = {name: message_type.description for name, message_type in TYPES.items()}
        known.pop(TEST_PING, None)  # goes to the endpoint that is tested, whatever its types
        types = self.fields["types"]
        assert isinstance(types, forms.MultipleChoiceField)  # noqa: S101 - for the type checker
        types.choices = sorted({**dict.fromkeys(kept_types, ""), **known}.items())


class EndpointForm(EndpointTermsForm):
    """An endpoint that is to be."""

    field_order = ("partner", "url", "description", "types", "headers")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        partners: QuerySet[Any] = WebhookEndpoint.partner.field.related_model._default_manager.all()
        self.fields["partner"] = forms.ModelChoiceField(
            label=_("Partner"),
            queryset=partners.order_by("code"),
            widget=UnfoldAdminSelect2Widget(),
        )
        self.order_fields(self.field_order)


class ReplayForm(forms.Form):
    """From where on messages are to be sent again."""

    after_sequence = forms.IntegerField(
        label=_("After sequence"),
        min_value=0,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text=_("The first one sent again is the next that the endpoint wants"),
    )


def terms_of(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """What :class:`EndpointTermsForm` shows of an endpoint."""
    return {
        "url": endpoint.url,
        "description": endpoint.description,
        "types": endpoint.types,
        "headers": masked_headers(endpoint.headers),
    }
