"""What a body may be: rows 21 to 24 of the table of bad input."""

from __future__ import annotations

import codecs
import gzip
import json
import time
from io import BytesIO
from typing import Any

import pytest
from django.test import Client

from openplatform.core.api.parsers import parse_json
from openplatform.core.errors import (
    DomainError,
    JsonDuplicateKey,
    JsonInvalid,
    JsonTooDeep,
    Refusal,
)
from tests.cast import Merchant, validate

DEEP = 5000


def send(
    merchant: Merchant, body: bytes, media_type: str = "application/json", **headers: str
) -> Any:
    answer = Client(raise_request_exception=False).generic(
        "POST",
        "/api/v1/echo",
        body,
        content_type=media_type,
        headers={"Authorization": f"Bearer {merchant.key}", **headers},
    )
    if answer.status_code != 200:
        assert answer.headers["Content-Type"] == "application/problem+json"
    return answer


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"{}", {}),
        (b' [1, 2.5, -3e2, true, null, "x"]\n', [1, 2.5, -300.0, True, None, "x"]),
        ('{"名": "张三 👍"}'.encode(), {"名": "张三 👍"}),
        (rb'{"a": "\ud83d\udc4d \u5f20 \u0001"}', {"a": "👍 张 \x01"}),
        (rb'{"a\"[[[[": "]]]{{{\\"}', {'a"[[[[': "]]]{{{\\"}),
        (b"[" * 32 + b"]" * 32, json.loads("[" * 32 + "]" * 32)),
        (b"[" + b"[[]]," * 99 + b"[]]", [[[]]] * 99 + [[]]),
        (('["' + "[" * 100 + '"]').encode(), ["[" * 100]),
    ],
)
def test_value_is_read_when_the_json_is_sound(body: bytes, value: Any) -> None:
    assert parse_json(body) == value


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"[" * 33 + b"]" * 33, JsonTooDeep),
        (b'{"a":' * 33 + b"1" + b"}" * 33, JsonTooDeep),
        (b"[" * DEEP, JsonTooDeep),
        (b'{"a":' * DEEP, JsonTooDeep),
        (b'["\\"",' + b"[" * DEEP, JsonTooDeep),
        (b'{"a": 1, "a": 1}', JsonDuplicateKey),
        (rb'{"a": 1, "\u0061": 2}', JsonDuplicateKey),
        (b'{"items": [{"sku": "A", "sku": "B"}]}', JsonDuplicateKey),
        (b"NaN", JsonInvalid),
        (b'{"a": NaN}', JsonInvalid),
        (b"[Infinity]", JsonInvalid),
        (b"[-Infinity]", JsonInvalid),
        (b"[" + b"9" * 5000 + b"]", JsonInvalid),
        (b"", JsonInvalid),
        (b"{", JsonInvalid),
        (b"{'a': 1}", JsonInvalid),
        (b'{"a": 1,}', JsonInvalid),
        (b"// no\n{}", JsonInvalid),
        (b'{"a": 01}', JsonInvalid),
        (b'"\xff"', JsonInvalid),
        (b'"\xed\xa0\x80"', JsonInvalid),
        (b'"\xc0\x80"', JsonInvalid),
        (b'"a\x00b"', JsonInvalid),
        (b'"a\nb"', JsonInvalid),
        (codecs.BOM_UTF8 + b"{}", JsonInvalid),
        ('{"a": 1}'.encode("utf-16"), JsonInvalid),
        ('{"a": 1}'.encode("utf-16-le"), JsonInvalid),
        ('{"a": 1}'.encode("utf-32"), JsonInvalid),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, bytes) else "",
)
def test_refused_when_the_json_is_not_sound(body: bytes, error: type[DomainError]) -> None:
    with pytest.raises(error):
        parse_json(body)


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        (rb'"\u0000"', [""]),
        (rb'{"a": "x\u0000"}', ["/a"]),
        (rb'{"items": [{"sku": "A"}, {"sku": "\ud800"}]}', ["/items/1/sku"]),
        (rb'{"a": "\udc4d\ud83d", "b": ["\u0000", "ok"]}', ["/a", "/b/0"]),
        (rb'{"a": {"\u0000": 1, "ok": "\ud83d"}}', ["/a", "/a/ok"]),
        (rb'{"a/b~c": "\u0000"}', ["/a~1b~0c"]),
    ],
)
def test_strings_are_pointed_out_when_they_hold_nul_or_lone_surrogates(
    body: bytes, pointers: list[str]
) -> None:
    with pytest.raises(Refusal) as refusal:
        parse_json(body)

    assert [fault.code for fault in refusal.value.faults] == ["string_invalid"] * len(pointers)
    assert [fault.pointer for fault in refusal.value.faults] == pointers


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        (b"[" * 33 + b"]" * 33, "json_too_deep", 400),
        (b"[" * 100_000, "json_too_deep", 400),
        (b'{"a": 1, "a": 2}', "json_duplicate_key", 400),
        (b'{"a": NaN}', "json_invalid", 400),
        (b'{"a": 1' + b"0" * 5000 + b"}", "json_invalid", 400),
        ('{"a": 1}'.encode("utf-16"), "json_invalid", 400),
        (rb'{"a": "\u0000"}', "string_invalid", 422),
        (rb'{"a": "\ud800"}', "string_invalid", 422),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_refusal_is_a_problem_when_a_bad_body_is_sent(
    sample_urls: None, merchant: Merchant, body: bytes, code: str, status: int
) -> None:
    answer = send(merchant, body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "Application/JSON; charset=UTF-8",
        'application/json; charset="utf-8"',
        "application/json;charset=utf8",
        "application/json; profile=x",
    ],
)
def test_body_is_read_when_it_is_json_in_utf_8(
    sample_urls: None, merchant: Merchant, media_type: str
) -> None:
    answer = send(merchant, '{"a": "张"}'.encode(), media_type)

    assert (answer.status_code, answer.json()) == (200, {"body": {"a": "张"}})


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"{}", "text/plain"),
        (b"{}", "application/xml"),
        (b"{}", "text/json"),
        (b"{}", "nonsense"),
        (b"{}", ""),
        (b"a=1", "application/x-www-form-urlencoded"),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x"),
        ("{}".encode("utf-16"), "application/json; charset=utf-16"),
        (b"{}", "application/json; charset=latin-1"),
        (b"{}", "application/json; charset = gbk"),
        (b"{}", "application/json; charset"),
    ],
)
def test_media_type_is_unsupported_when_the_body_is_not_declared_as_json_in_utf_8(
    sample_urls: None, merchant: Merchant, body: bytes, media_type: str
) -> None:
    answer = send(merchant, body, media_type)

    assert (answer.status_code, answer.json()["code"]) == (415, "media_type_unsupported")


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "br", "identity, gzip"])
def test_media_type_is_unsupported_when_the_body_is_compressed(
    sample_urls: None, merchant: Merchant, encoding: str
) -> None:
    answer = send(merchant, gzip.compress(b"{}"), **{"Content-Encoding": encoding})

    assert (answer.status_code, answer.json()["code"]) == (415, "media_type_unsupported")


def test_body_is_too_large_when_it_has_three_megabytes(
    sample_urls: None, merchant: Merchant
) -> None:
    answer = send(merchant, b'"' + b"x" * 3_000_000 + b'"')

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer.json()["errors"][0]["limit_bytes"] == 2 * 1024 * 1024
    validate(answer.json(), {"$ref": "#/components/schemas/Problem"})


def send_chunked(merchant: Merchant, body: bytes, key: str | None = None) -> tuple[Any, BytesIO]:
    """As granian hands it over: no length, the chunks undone, the stream ended."""
    stream = BytesIO(body)
    environ: dict[str, Any] = {
        "wsgi.input": stream,
        "wsgi.input_terminated": True,
        "CONTENT_LENGTH": "",
        "CONTENT_TYPE": "application/json",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "HTTP_AUTHORIZATION": f"Bearer {key or merchant.key}",
    }
    answer = Client(raise_request_exception=False).generic("POST", "/api/v1/echo", **environ)
    return answer, stream


@pytest.mark.parametrize("size", [1, 70_000, 2 * 1024 * 1024 - 2])
def test_body_is_read_when_it_comes_in_chunks(
    sample_urls: None, merchant: Merchant, size: int
) -> None:
    answer, _stream = send_chunked(merchant, b'"' + b"x" * size + b'"')

    assert (answer.status_code, answer.json()) == (200, {"body": "x" * size})


def test_body_is_empty_when_its_chunks_are(sample_urls: None, merchant: Merchant) -> None:
    answer, _stream = send_chunked(merchant, b"")

    assert (answer.status_code, answer.json()) == (200, {"body": {}})


def test_body_is_too_large_and_not_read_to_its_end_when_its_chunks_pass_the_limit(
    sample_urls: None, merchant: Merchant
) -> None:
    answer, stream = send_chunked(merchant, b"x" * 5_000_000)

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert stream.tell() == 2 * 1024 * 1024 + 1


def test_body_in_chunks_is_left_unread_when_the_key_is_unknown(
    sample_urls: None, merchant: Merchant
) -> None:
    answer, stream = send_chunked(merchant, b"{}", key="op_UNKNOWN")

    assert (answer.status_code, answer.json()["code"]) == (401, "key_invalid")
    assert stream.tell() == 0


def test_json_is_refused_at_once_when_a_string_full_of_quotes_never_ends() -> None:
    body = b"[]" * 33 + b'"' + b'\\"' * 1_000_000

    started = time.perf_counter()
    with pytest.raises(JsonInvalid):
        parse_json(body)

    assert time.perf_counter() - started < 5  # hours, when each quote begins a search


def test_no_more_than_a_hundred_texts_are_named_when_very_many_hold_a_nul() -> None:
    with pytest.raises(Refusal) as refusal:
        parse_json(b"[" + b",".join([rb'"\u0000"'] * 10_000) + b"]")

    assert len(refusal.value.faults) == 100
    assert refusal.value.faults[99].pointer == "/99"


def test_body_is_read_when_it_has_just_the_size_allowed(
    sample_urls: None, merchant: Merchant
) -> None:
    answer = send(merchant, b'"' + b"x" * (2 * 1024 * 1024 - 2) + b'"')

    assert answer.status_code == 200


def test_order_is_refused_and_nothing_written_when_its_json_has_a_key_twice(
    merchant: Merchant,
) -> None:
    from orders.models import Order

    answer = Client().post(
        "/api/v1/orders",
        b'{"merchant_order_no": "M-1", "merchant_order_no": "M-2"}',
        content_type="application/json",
        headers={"Authorization": f"Bearer {merchant.key}"},
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "json_duplicate_key")
    assert not Order.objects.exists()
