"""The ``webhooks`` section of the OpenAPI document, and what it says of ``data``."""

from __future__ import annotations

from typing import Any

from drf_spectacular.generators import SchemaGenerator

from openplatform.messaging.events.schemas import (
    COMPONENTS,
    data_component_name,
    example_of,
    list_types,
    register_form,
)
from openplatform.messaging.types import MessageType

MESSAGE = "Message"
HEADERS = {
    "webhook-id": "The message's id; it stays the same when a message is sent again",
    "webhook-timestamp": "When this attempt was made, in seconds since 1970",
    "webhook-signature": "`v1,` and a signature in base64; two of them, separated by a blank,"
    " while a secret is rotated",
}
DATA = (
    "What is told, in one of these forms; `webhooks` names the one of each type. New types and new"
    " fields may come: pass over those that you do not know."
)


def add_forms(result: dict[str, Any], generator: SchemaGenerator, **_kwargs: Any) -> dict[str, Any]:
    """Describe the forms of ``data`` as components; goes before what names the choices in them."""
    for message_type in list_types():
        register_form(message_type, generator.registry)
    result["components"] = generator.registry.build({})
    return result


def add_webhooks(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Describe every message type as a webhook, and ``data`` as one of their forms; goes after what
    puts the components together.
    """
    names = sorted({data_component_name(message_type) for message_type in list_types()})
    result["components"]["schemas"][MESSAGE]["properties"]["data"] = {
        "type": "object",
        "description": DATA,
        "anyOf": [{"$ref": f"{COMPONENTS}{name}"} for name in names],
    }
    result["components"]["parameters"] = {
        name: {
            "name": name,
            "in": "header",
            "required": True,
            "description": description,
            "schema": {"type": "string"},
        }
        for name, description in HEADERS.items()
    }
    result["webhooks"] = {
        message_type.name: {"post": _operation(message_type)} for message_type in list_types()
    }
    return result


def _operation(message_type: MessageType) -> dict[str, Any]:
    own = {
        "type": {"const": message_type.name},
        "data": {"$ref": f"{COMPONENTS}{data_component_name(message_type)}"},
    }
    body = {
        "allOf": [
            {"$ref": f"{COMPONENTS}{MESSAGE}"},
            {"type": "object", "properties": own},
        ]
    }
    return {
        "operationId": f"on_{message_type.name.replace('.', '_')}",
        "summary": str(message_type.description),
        "description": str(message_type.details),
        "tags": ["webhooks"],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in HEADERS],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": body, "example": example_of(message_type)}},
        },
        "security": [],
        "responses": {
            "2XX": {"description": "Taken; anything else is a failure and tried again"},
            "410": {"description": "Gone: the endpoint is disabled at once"},
        },
    }
