"""The committed OpenAPI document is the one that the code makes. To renew it: ``make openapi``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.utils import translation
from drf_spectacular.drainage import GENERATOR_STATS, reset_generator_stats
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.validation import validate_schema

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi.yaml"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document made from the code, in English as `make openapi` makes it."""
    reset_generator_stats()
    with translation.override("en"):
        made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return made


def test_committed_document_equals_the_generated_one(document: dict[str, Any]) -> None:
    generated = OpenApiYamlRenderer().render(document, renderer_context={})

    assert COMMITTED.read_bytes().decode() == generated.decode()


def test_document_is_made_without_warnings(document: dict[str, Any]) -> None:
    assert document["paths"]
    assert not GENERATOR_STATS


def test_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    validate_schema(document)

    assert document["openapi"] == "3.1.0"


def test_what_is_asked_is_named_a_request_once(document: dict[str, Any]) -> None:
    names = document["components"]["schemas"].keys()

    assert {"ChangeWebhookEndpointRequest", "PlaceOrderRequest"} <= names
    assert "WantedWebhookEndpointStatus" in names
    assert [name for name in names if "RequestRequest" in name or "Patched" in name] == []


def test_every_operation_describes_a_success_and_the_problem(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            answers = operation["responses"]

            assert any(status.startswith("2") for status in answers), f"{method} {path}"
            assert "application/problem+json" in answers["default"]["content"], f"{method} {path}"
