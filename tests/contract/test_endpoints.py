"""No endpoint without a name, a scope, a test and a page in the OpenAPI document."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from openplatform.core.api.views import PartnerAPIView
from openplatform.core.scopes import Scope
from tests.contract.endpoints import Endpoint, list_endpoints

ROOT = Path(__file__).parents[2]
ENDPOINTS = list_endpoints()
OPEN_TO_ANY_KEY = {
    "get_key",
    "list_regions",
    "get_region",
    "get_regions_file",
    "resolve_region",
    "list_carriers",
}
each_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)


@each_endpoint
def test_endpoint_is_a_partner_view_of_one_method(endpoint: Endpoint) -> None:
    assert issubclass(endpoint.view, PartnerAPIView)
    assert len(endpoint.methods) == 1


@each_endpoint
def test_path_ends_without_a_slash(endpoint: Endpoint) -> None:
    assert not endpoint.path.endswith("/")


@each_endpoint
def test_url_bears_the_name_of_its_operation(endpoint: Endpoint) -> None:
    assert endpoint.name == endpoint.view.operation.replace("_", "-")


@each_endpoint
def test_scope_is_declared(endpoint: Endpoint) -> None:
    scope = endpoint.view.required_scope

    assert (scope is None) == (endpoint.view.operation in OPEN_TO_ANY_KEY)
    assert scope is None or isinstance(scope, Scope)


@each_endpoint
def test_operation_has_a_test_file(endpoint: Endpoint) -> None:
    file = ROOT / "tests" / endpoint.app / "api" / f"test_{endpoint.view.operation}.py"

    assert file.is_file(), f"{file.relative_to(ROOT)} is missing"


def test_operations_are_named_once() -> None:
    names = [endpoint.view.operation for endpoint in ENDPOINTS]

    assert sorted(names) == sorted(set(names))


def test_urls_and_openapi_document_tell_of_the_same_operations() -> None:
    document = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())

    described = {
        (path, method, operation["operationId"], operation["x-required-scope"])
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }

    assert described == {
        (
            endpoint.path,
            method,
            endpoint.view.operation,
            str(endpoint.view.required_scope or "any key"),
        )
        for endpoint in ENDPOINTS
        for method in endpoint.methods
    }
