"""Problem documents for whatever goes wrong under /api/: rows 25 to 27 and 37, and more."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from openplatform.core.errors import CODES, DomainError, Refusal
from tests.cast import Merchant, openapi_document

RFC_9457 = (
    Path(__file__).parents[3] / "shared" / "data" / "conformance" / "problem_details.schema.json"
)


@pytest.fixture
def client() -> Client:
    """A client that shows an answer where Django's would raise."""
    return Client(raise_request_exception=False)


def assert_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(answer.content)
    assert (answer.status_code, document["status"], document["code"]) == (status, status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-Id"] == document["request_id"]
    assert document["type"] == f"http://localhost:8000/docs/errors/{code}"
    assert b"<" not in answer.content
    jsonschema.Draft202012Validator(
        openapi_document()["components"]["schemas"]["Problem"]
    ).validate(document)
    return document


@pytest.fixture(autouse=True)
def _public_url(settings: Settings) -> None:
    settings.PUBLIC_URL = "http://localhost:8000"


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/",
        "/api/v1",
        "/api/v1/",
        "/api/v1/nothing",
        "/api/v1/key/",
        "/api/v1//key",
        "/api/v2/key",
        "/api/v1/orders/１",
        "/api/v1/orders/%EF%BC%91",
        "/api/v1/orders/%00",
        "/api/v1/orders/%FF",
        "/api/v1/orders/../key",
        "/api/v1/orders/..%2Fkey",
        "/api/v1/orders/S-1%0A",
        "/api/v1/orders/%3Cscript%3E",
        "/api/v1/orders/" + "S" * 2000,
        "/api/v1/key.json",
        "/api/v1/admin/",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_not_found_is_a_problem_when_the_path_is_unknown(
    client: Client, merchant: Merchant, method: str, path: str
) -> None:
    answer = client.generic(method, path, headers={"Authorization": f"Bearer {merchant.key}"})

    document = assert_problem(answer, 404, "not_found")
    assert document["errors"] == []


@pytest.mark.parametrize("accept", ["text/html", "text/html,application/xhtml+xml", "image/*"])
def test_not_found_is_a_problem_when_html_is_asked_for(client: Client, accept: str) -> None:
    answer = client.get("/api/v1/nothing", headers={"Accept": accept})

    assert_problem(answer, 404, "not_found")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_method_is_not_allowed_when_the_endpoint_does_not_know_it(
    client: Client, merchant: Merchant, method: str
) -> None:
    answer = client.generic(
        method, "/api/v1/key", headers={"Authorization": f"Bearer {merchant.key}"}
    )

    assert_problem(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"].split(", ")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS"])
def test_method_is_not_allowed_when_two_operations_share_a_path(
    client: Client, merchant: Merchant, method: str
) -> None:
    answer = client.generic(
        method, "/api/v1/orders", headers={"Authorization": f"Bearer {merchant.key}"}
    )

    assert_problem(answer, 405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST"}


def test_parameters_are_refused_when_they_are_more_than_django_reads(
    client: Client, merchant: Merchant
) -> None:
    query = "&".join(f"p{number}=1" for number in range(2_000))

    answer = client.get(
        f"/api/v1/orders?{query}", headers={"Authorization": f"Bearer {merchant.key}"}
    )

    assert_problem(answer, 400, "filter_not_allowed")


def test_head_is_answered_without_a_body_when_get_is_known(
    client: Client, merchant: Merchant
) -> None:
    answer = client.head("/api/v1/key", headers={"Authorization": f"Bearer {merchant.key}"})

    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    "accept", ["text/html", "application/xml", "text/*, image/png;q=0.5", "application/jsonx"]
)
def test_not_acceptable_when_no_json_is_accepted(
    client: Client, merchant: Merchant, accept: str
) -> None:
    answer = client.get(
        "/api/v1/key", headers={"Authorization": f"Bearer {merchant.key}", "Accept": accept}
    )

    assert_problem(answer, 406, "not_acceptable")


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/*",
        "application/json",
        "Application/JSON; indent=4",
        "text/html, application/json;q=0.9",
        "text/html,application/xhtml+xml,*/*;q=0.8",
        "application/problem+json",
    ],
)
def test_answer_is_json_when_it_is_accepted(
    client: Client, merchant: Merchant, accept: str
) -> None:
    answer = client.get(
        "/api/v1/key", headers={"Authorization": f"Bearer {merchant.key}", "Accept": accept}
    )

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("host", ["evil.example", "a b", "[::1", ""])
def test_bad_request_is_a_problem_when_the_host_is_unknown(client: Client, host: str) -> None:
    answer = client.get("/api/v1/key", headers={"Host": host})

    assert_problem(answer, 400, "bad_request")


def test_key_is_asked_for_in_the_way_of_http_when_it_is_missing(client: Client, db: None) -> None:
    answer = client.get("/api/v1/key")

    assert_problem(answer, 401, "key_missing")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_internal_error_tells_nothing_when_an_endpoint_has_a_bug(
    sample_urls: None, client: Client, merchant: Merchant
) -> None:
    answer = client.get("/api/v1/fail/bug", headers={"Authorization": f"Bearer {merchant.key}"})

    document = assert_problem(answer, 500, "internal_error")
    assert document["errors"] == []
    assert b"SECRET" not in answer.content


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("plain-failure", 500, "internal_error"),
        ("plain-refusal", 403, "scope_missing"),
        ("plain-page", 400, "bad_request"),
    ],
)
def test_answer_is_a_problem_when_a_view_of_django_fails(
    sample_urls: None, client: Client, path: str, status: int, code: str
) -> None:
    answer = client.get(f"/api/v1/{path}")

    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert answer.json()["status"] == answer.status_code == status


def test_page_stays_a_page_when_the_path_is_not_of_the_api(
    sample_urls: None, client: Client
) -> None:
    answer = client.get("/page")

    assert (answer.status_code, answer.content) == (418, b"<h1>I am a teapot</h1>")


def test_caller_is_told_to_try_again_when_the_database_is_away(
    sample_urls: None, client: Client, merchant: Merchant
) -> None:
    answer = client.get(
        "/api/v1/fail/database", headers={"Authorization": f"Bearer {merchant.key}"}
    )

    assert_problem(answer, 503, "temporarily_unavailable")
    assert answer.headers["Retry-After"] == "1"


def test_facts_and_pointer_are_told_when_a_rule_refuses(
    sample_urls: None, client: Client, merchant: Merchant
) -> None:
    answer = client.get(
        "/api/v1/fail/domain",
        headers={"Authorization": f"Bearer {merchant.key}", "Accept-Language": "en"},
    )

    document = assert_problem(answer, 404, "not_found")
    assert document["errors"] == [
        {"pointer": "/sku", "code": "not_found", "detail": "There is nothing here", "sku": "A"}
    ]


def test_first_fault_gives_code_and_status_when_there_are_several(
    sample_urls: None, client: Client, merchant: Merchant
) -> None:
    answer = client.get("/api/v1/fail/several", headers={"Authorization": f"Bearer {merchant.key}"})

    document = assert_problem(answer, 404, "not_found")
    assert [(fault["pointer"], fault["code"]) for fault in document["errors"]] == [
        ("/a", "not_found"),
        ("/b", "internal_error"),
    ]
    assert document["errors"][1]["why"] == 1


@pytest.mark.parametrize(
    ("language", "title", "tag"),
    [
        ("en", "No API key was sent", "en"),
        ("en-GB,en;q=0.9,zh;q=0.5", "No API key was sent", "en"),
        ("EN", "No API key was sent", "en"),
        ("zh-hans", None, "zh-hans"),
        ("zh-CN,zh;q=0.9,en;q=0.8", None, "zh-hans"),
        ("fr, en;q=0.5", "No API key was sent", "en"),
        ("fr", None, "zh-hans"),
        ("", None, "zh-hans"),
        ("*", None, "zh-hans"),
        ("x" * 5000, None, "zh-hans"),
    ],
)
def test_title_changes_and_the_code_does_not_when_a_language_is_asked_for(
    client: Client, language: str, title: str | None, tag: str
) -> None:
    answer = client.get("/api/v1/key", headers={"Accept-Language": language})

    document = assert_problem(answer, 401, "key_missing")
    assert answer.headers["Content-Language"] == tag
    if title is None:
        assert re.search("[\u4e00-\u9fff]", document["title"])
    else:
        assert document["title"] == title
        assert document["detail"] == title


@pytest.mark.parametrize(
    "request_id", ["abcd1234", "A.b-c_0123456789", "x" * 64, "01890a5d-ac96-774b-bcce-b302099a8057"]
)
@pytest.mark.parametrize("path", ["/api/v1/key", "/api/v1/nothing", "/nothing"])
def test_request_id_is_the_callers_when_it_is_sane(
    client: Client, path: str, request_id: str
) -> None:
    answer = client.get(path, headers={"X-Request-Id": request_id})

    assert answer.headers["X-Request-Id"] == request_id
    if path.startswith("/api/"):
        assert answer.json()["request_id"] == request_id


@pytest.mark.parametrize(
    "request_id",
    [
        "",
        "short",
        "x" * 65,
        "a b c d e f",
        "abcd1234\u00e9",
        "１２３４５６７８",
        '{"a": "b"}',
        "../../etc",
    ],
)
def test_request_id_is_ours_when_the_callers_is_not_sane(client: Client, request_id: str) -> None:
    answer = client.get("/api/v1/nothing", headers={"X-Request-Id": request_id})

    ours = answer.headers["X-Request-Id"]
    assert re.fullmatch("[0-9A-HJKMNP-TV-Z]{20}", ours)
    assert answer.json()["request_id"] == ours


def test_request_ids_differ_when_requests_follow(client: Client) -> None:
    ids = {client.get("/api/v1/nothing").headers["X-Request-Id"] for _ in range(5)}

    assert len(ids) == 5


@pytest.mark.skipif(
    not RFC_9457.is_file(), reason="the published schema of RFC 9457 is not beside this checkout"
)
@pytest.mark.parametrize("path", ["/api/v1/key", "/api/v1/nothing", "/api/v1/account?x=1"])
def test_document_fits_the_published_schema_when_something_is_refused(
    client: Client, merchant: Merchant, path: str
) -> None:
    schema = json.loads(RFC_9457.read_text())

    document = client.get(path).json()

    jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    ).validate(document)


def test_declaring_a_code_fails_when_another_error_has_it() -> None:
    with pytest.raises(TypeError, match="not_found is declared by"):
        type("SecondNotFound", (DomainError,), {"code": "not_found", "status": 404})

    assert CODES["not_found"].__name__ == "NotFound"


def test_detail_of_a_refusal_is_the_first_ones() -> None:
    refusal = Refusal([CODES["not_found"]("no such SKU"), CODES["field_invalid"]()])

    assert (refusal.detail, len(refusal.faults)) == ("no such SKU", 2)
