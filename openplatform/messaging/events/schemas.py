"""JSON Schemas of messages, made from the serializers that types name."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from drf_spectacular.plumbing import ComponentRegistry
from rest_framework import serializers
from rest_framework.views import APIView

from openplatform.core.api.schema import OperationSchema
from openplatform.messaging.types import TYPES, MessageType

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
COMPONENTS = "#/components/schemas/"
# Around the data of an example.
ENVELOPE = {
    "id": "msg_5b0f6f0c9f0e4e0f8d6c2a7b1e3d4c5f",
    "sequence": 1042,
    "timestamp": "2026-03-01T10:15:42.981302+08:00",
}


def list_types() -> list[MessageType]:
    """All types of the contract, by name."""
    return [TYPES[name] for name in sorted(TYPES)]


def message_schema(message_type: MessageType) -> Schema:
    """What a whole message of this type looks like, by pull and by push. It refers to nothing.

    Texts are in the language that is active; published schemas are in English.
    """
    envelope = envelope_schema()
    own = {"type": {"const": message_type.name}, "data": data_schema(message_type)}
    return {
        "$schema": DIALECT,
        "title": message_type.name,
        "description": f"{message_type.description}. {message_type.details}",
        **envelope,
        "properties": {**envelope["properties"], **own},
    }


def envelope_schema() -> Schema:
    """What is around the ``data`` of every message."""
    return {
        "type": "object",
        "properties": {
            "id": {
                "type": "string",
                "description": _("Stays the same however often and wherever the message is sent"),
            },
            "sequence": {
                "type": "integer",
                "minimum": 1,
                "description": _("Its place among all messages of the partner, without gaps"),
            },
            "type": {"type": "string", "description": _("What happened, as in this catalogue")},
            "timestamp": {
                "type": "string",
                "format": "date-time",
                "description": _("When it got its place"),
            },
            "data": {"type": "object", "description": _("What is told, in the form of its type")},
        },
        "required": ["id", "sequence", "type", "timestamp", "data"],
    }


def data_schema(message_type: MessageType) -> Schema:
    """What its ``data`` looks like."""
    registry = ComponentRegistry()
    name = register_form(message_type, registry)
    components: dict[str, Schema] = registry.build({})["schemas"]
    schema: Schema = _resolved(components[name], components)
    return schema


def register_form(message_type: MessageType, registry: ComponentRegistry) -> str:
    """Add the component for its ``data``, and those that this one refers to; answers its name."""
    schema = OperationSchema()
    # A serializer is mapped as in the answer of some view, which is asked for its context only.
    schema.registry, schema.method, schema.path, schema.view = registry, "GET", "/", _View()
    schema.resolve_serializer(_serializer_of(message_type), "response")
    return data_component_name(message_type)


def data_component_name(message_type: MessageType) -> str:
    """``OrderNews`` for ``orders.api.events.OrderNewsSerializer``."""
    return _serializer_of(message_type).__name__.removesuffix("Serializer")


def example_of(message_type: MessageType) -> dict[str, Any]:
    """A whole message of this type."""
    return {
        "id": ENVELOPE["id"],
        "sequence": ENVELOPE["sequence"],
        "type": message_type.name,
        "timestamp": ENVELOPE["timestamp"],
        "data": example_data(message_type.name),
    }


def example_data(type_name: str) -> dict[str, Any]:
    """The ``data`` of an example.

    :raises KeyError: when the module of its serializer has none.
    """
    module = import_module(TYPES[type_name].serializer.rpartition(".")[0])
    data: dict[str, Any] = module.EXAMPLES[type_name]
    return data


class _View(APIView):
    """No view of ours."""

    def get_serializer_context(self) -> dict[str, Any]:
        return {}


def _serializer_of(message_type: MessageType) -> type[serializers.Serializer[Any]]:
    serializer: type[serializers.Serializer[Any]] = import_string(message_type.serializer)
    return serializer


def _resolved(part: Any, components: Mapping[str, Schema]) -> Any:
    """The same with every reference replaced by what it refers to."""
    if isinstance(part, list):
        return [_resolved(one, components) for one in part]
    if not isinstance(part, dict):
        # Lazy texts, and keys of choices, become what JSON has.
        return part if part is None or isinstance(part, bool | int | float) else str(part)
    if "$ref" in part:
        target = components[part["$ref"].removeprefix(COMPONENTS)]
        beside = {name: value for name, value in part.items() if name != "$ref"}
        return _resolved({**target, **beside}, components)
    return {
        name: _resolved(value, components)
        for name, value in part.items()
        if not name.startswith("x-")  # notes of the generator to itself
    }
