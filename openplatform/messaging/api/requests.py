"""What requests about webhook endpoints may say."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from openplatform.core import errors
from openplatform.core.api.fields import CodedChoiceField, RequestSerializer, TextField
from openplatform.core.visible_text import CODE
from openplatform.messaging.headers import MAX_HEADERS, MAX_NAME, MAX_VALUE
from openplatform.messaging.models import WebhookEndpoint
from openplatform.messaging.models.webhooks import MAX_DESCRIPTION, MAX_URL

MAX_TYPES = 100
MAX_SEQUENCE = 10**18 - 1
# Named for the OpenAPI document: what a partner may set; that it fails is ours to say.
WANTED_STATUSES = [
    (status.value, status.label)
    for status in (WebhookEndpoint.Status.ENABLED, WebhookEndpoint.Status.DISABLED)
]


@extend_schema_field(
    {
        "type": "array",
        "items": {"type": "string"},
        "maxItems": MAX_TYPES,
        "description": "Types of messages; none: all of them, those to come too",
    }
)
class TypesField(serializers.Field[list[str], Any, list[str], Any]):
    """A list of types by their form; whether there are such is looked at by who acts on it."""

    default_error_messages = {"invalid": errors.FieldInvalid.title}

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list):
            self.fail("invalid")
        if len(data) > MAX_TYPES:
            raise ValidationError(
                ErrorDetail(str(errors.TooManyItems.title), errors.TooManyItems.code)
            )
        if faults := {
            str(index): [_not_valid()]
            for index, name in enumerate(data)
            if not (isinstance(name, str) and CODE.fullmatch(name))
        }:
            raise ValidationError(faults)
        return data

    def to_representation(self, value: list[str]) -> list[str]:
        return value


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {"type": "string", "minLength": 1, "maxLength": MAX_VALUE},
        "maxProperties": MAX_HEADERS,
        "description": (
            f"Headers sent with every message, names up to {MAX_NAME} characters. Values are never"
            " shown again: `********` stands for each, and sent back keeps it"
        ),
    }
)
class HeadersField(serializers.Field[dict[str, str], Any, dict[str, str], Any]):
    """An object of texts; what may stand in them is looked at by who acts on it."""

    default_error_messages = {"invalid": errors.FieldInvalid.title}

    def to_internal_value(self, data: Any) -> dict[str, str]:
        if not isinstance(data, dict):
            self.fail("invalid")
        if len(data) <= MAX_HEADERS:  # more are refused whatever they say
            faults = {
                name[:MAX_NAME]: [_not_valid()]
                for name, value in data.items()
                if not isinstance(value, str)
            }
            if faults:
                raise ValidationError(faults)
        return data

    def to_representation(self, value: dict[str, str]) -> dict[str, str]:
        return value


@extend_schema_field({"type": "integer", "minimum": 0, "maximum": MAX_SEQUENCE})
class SequenceField(serializers.Field[int, Any, int, Any]):
    """A JSON integer from 0 on; nothing that merely looks like one."""

    default_error_messages = {"invalid": errors.FieldInvalid.title}

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int or not 0 <= data <= MAX_SEQUENCE:
            self.fail("invalid")
        return data

    def to_representation(self, value: int) -> int:
        return value


class CreateWebhookEndpointRequest(RequestSerializer):
    """``POST /webhook-endpoints``."""

    url = TextField(max_length=MAX_URL, help_text="https, to a public host")
    types = TypesField(required=False)
    description = TextField(max_length=MAX_DESCRIPTION, required=False, allow_blank=True)
    headers = HeadersField(required=False)


class ChangeWebhookEndpointRequest(RequestSerializer):
    """``PATCH /webhook-endpoints/{id}``; what is left out stays as it is."""

    takes_null = False

    url = TextField(max_length=MAX_URL, required=False, help_text="https, to a public host")
    types = TypesField(required=False)
    description = TextField(max_length=MAX_DESCRIPTION, required=False, allow_blank=True)
    headers = HeadersField(required=False)
    status = CodedChoiceField(
        WANTED_STATUSES,
        required=False,
        help_text="Enabled, what waits is sent in its order; disabled, it waits",
    )


class ReplayMessagesRequest(RequestSerializer):
    """``POST /webhook-endpoints/{id}/replay``."""

    after_sequence = SequenceField(help_text="What comes behind it is sent again; 0: all there is")


def _not_valid() -> ErrorDetail:
    return ErrorDetail(str(errors.FieldInvalid.title), errors.FieldInvalid.code)
