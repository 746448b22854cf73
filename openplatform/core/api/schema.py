"""The OpenAPI document: operation names, scopes and problem answers for every endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.openapi import AutoSchema

if TYPE_CHECKING:  # DRF loads this module while it makes APIView
    from openplatform.core.api.views import PartnerAPIView

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem document",
    "required": ["type", "title", "status", "code", "detail", "request_id", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
                "additionalProperties": True,
            },
        },
    },
}


class OperationSchema(AutoSchema):
    """``operationId`` is the URL's name in snake case: ``orders:place-order`` → ``place_order``."""

    def get_operation_id(self) -> str:
        return cast("PartnerAPIView", self.view).operation

    def get_serializer_name(self, serializer: Any, direction: str) -> str:
        """What is called a request in the code is not called so twice in the document."""
        name = type(serializer).__name__
        return name.removesuffix("Request") if direction == "request" else name

    def get_summary(self) -> str:
        view = getattr(self.view, "by_method", {}).get(self.method, type(self.view))
        return str(view.__doc__).partition("\n")[0].rstrip(".")

    def get_tags(self) -> list[str]:
        return [self.path.removeprefix("/api/v1/").partition("/")[0]]

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is not None:
            scope = cast("PartnerAPIView", self.view).required_scope
            operation["x-required-scope"] = scope or "any key"
        return operation


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """``Authorization: Bearer op_…``"""

    target_class = "accounts.api.authentication.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "op_…"}


class MoneyFieldSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """A decimal string; only answers know amounts below zero."""

    target_class = "openplatform.core.api.fields.MoneyField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        whole = "(0|[1-9][0-9]{0,9})" if direction == "request" else "-?(0|[1-9][0-9]*)"
        return {"type": "string", "pattern": rf"^{whole}\.[0-9]{{2}}$", "examples": ["128.50"]}


class QuantityFieldSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """A whole number; only answers know none."""

    target_class = "openplatform.core.api.fields.QuantityField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        from openplatform.core.api.fields import MAX_QUANTITY

        if direction == "request":
            return {"type": "integer", "minimum": 1, "maximum": MAX_QUANTITY}
        return {"type": "integer", "minimum": 0}


class CodeFieldSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """A code, as strict as it is read."""

    target_class = "openplatform.core.api.fields.CodeField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        if direction == "request":
            return {"type": "string", "pattern": f"^{self.target.PATTERN.pattern}$"}
        return {"type": "string"}


class MetadataFieldSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """An object of short texts."""

    target_class = "openplatform.core.api.fields.MetadataField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        field = self.target
        return {
            "type": "object",
            "maxProperties": field.MAX_KEYS,
            "propertyNames": {"minLength": 1, "maxLength": field.MAX_KEY},
            "additionalProperties": {"type": "string", "maxLength": field.MAX_VALUE},
        }


def add_problem_responses(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Every operation may answer with a problem; one response stands for all of them."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = PROBLEM
    answer = {
        "description": "Any refusal; `code` says which one",
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
    for path in result["paths"].values():
        for operation in path.values():
            operation["responses"]["default"] = answer
    return result
