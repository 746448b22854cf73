"""A file comes in by a form, up to ten megabytes; nothing else does."""

from __future__ import annotations

import gc
import hashlib
import tempfile
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
import requests
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from tests.cast import Merchant
from tests.core.uploads.samples import picture

MB = 1024 * 1024
LIMIT = 10 * MB
OVERHEAD = 64 * 1024
BOUNDARY = "----boundary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


def part(content: bytes | str, name: str = "file", filename: str | None = "a.png") -> bytes:
    """A part as browsers write it."""
    disposition = f'form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    content = content.encode() if isinstance(content, str) else content
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
    return head + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def send(
    merchant: Merchant, body: bytes, media_type: str = FORM, path: str = "files", **headers: str
) -> Any:
    answer = Client(raise_request_exception=False).generic(
        "POST",
        f"/api/v1/{path}",
        body,
        content_type=media_type,
        headers={"Authorization": f"Bearer {merchant.key}", **headers},
    )
    if answer.status_code != 200:
        assert answer.headers["Content-Type"] == "application/problem+json"
    return answer


def send_chunked(
    merchant: Merchant, body: bytes, media_type: str = FORM, path: str = "files", **headers: str
) -> tuple[Any, BytesIO]:
    """As granian hands it over: no length, the chunks undone, the stream ended."""
    stream = BytesIO(body)
    environ: dict[str, Any] = {
        "wsgi.input": stream,
        "wsgi.input_terminated": True,
        "CONTENT_LENGTH": "",
        "CONTENT_TYPE": media_type,
        "HTTP_TRANSFER_ENCODING": "chunked",
        "HTTP_AUTHORIZATION": headers.get("key", f"Bearer {merchant.key}"),
    }
    answer = Client(raise_request_exception=False).generic("POST", f"/api/v1/{path}", **environ)
    return answer, stream


def faults(answer: Any) -> list[tuple[str, str]]:
    return [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]]


def described(content: bytes, filename: str = "a.png", note: str | None = None) -> dict[str, Any]:
    return {
        "filename": filename,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "note": note,
        "fingerprint": None,
    }


def test_file_and_fields_are_read_when_the_form_is_sound(
    upload_urls: None, merchant: Merchant
) -> None:
    content = picture() + b"\r\n--" + BOUNDARY[:-1].encode() + b"\r\n"

    answer = send(merchant, form(part("回单 1", "note", None), part(content, filename="回单.png")))

    assert (answer.status_code, answer.json()) == (200, described(content, "回单.png", "回单 1"))


def test_file_is_read_when_a_real_client_sends_it_to_a_real_server(
    upload_urls: None, merchant: Merchant, live_server: LiveServer
) -> None:
    content = bytes(range(256)) * 1000

    answer = requests.post(
        f"{live_server.url}/api/v1/files",
        files={"file": ("proof.png", content, "image/png")},
        data={"note": "hello"},
        headers={"Authorization": f"Bearer {merchant.key}"},
        timeout=10,
    )

    assert (answer.status_code, answer.json()) == (200, described(content, "proof.png", "hello"))


@pytest.mark.parametrize("size", [1, 65_536, 3 * MB, LIMIT])
def test_file_is_read_whole_up_to_ten_megabytes(
    upload_urls: None, merchant: Merchant, size: int
) -> None:
    content = b"\xff\r\n" * (size // 3) + b"x" * (size % 3)

    assert send(merchant, form(part(content))).json() == described(content)
    answer, _stream = send_chunked(merchant, form(part(content)))
    assert answer.json() == described(content)


@pytest.mark.parametrize("way", [send, lambda *given: send_chunked(*given)[0]])
def test_body_is_too_large_when_the_file_is(
    upload_urls: None, merchant: Merchant, way: Callable[..., Any]
) -> None:
    for size, limit in ((LIMIT + 1, LIMIT), (LIMIT + OVERHEAD, LIMIT + OVERHEAD)):
        answer = way(merchant, form(part(b"x" * size)))

        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert answer.json()["errors"][0]["limit_bytes"] in {limit, LIMIT}


def test_body_is_too_large_when_the_view_takes_small_files_only(
    upload_urls: None, merchant: Merchant
) -> None:
    assert send(merchant, form(part(b"x" * 1000)), path="small-files").status_code == 200

    for size in (1001, 100_000):
        answer = send(merchant, form(part(b"x" * size)), path="small-files")

        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert answer.json()["errors"][0]["limit_bytes"] == 1000


def test_no_more_is_read_than_the_limit_when_a_chunked_form_has_no_end(
    upload_urls: None, merchant: Merchant
) -> None:
    answer, stream = send_chunked(merchant, part(b"x" * 30 * MB))

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert stream.tell() <= LIMIT + 2 * OVERHEAD


def test_json_stays_at_two_megabytes_where_files_are_taken(
    upload_urls: None, merchant: Merchant
) -> None:
    answer = send(merchant, b'"' + b"x" * 3 * MB + b'"', "application/json")

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer.json()["errors"][0]["limit_bytes"] == 2 * MB


@pytest.mark.parametrize("size", [10, 3 * MB])
def test_media_type_is_unsupported_when_a_form_is_sent_where_json_is_read(
    upload_urls: None, merchant: Merchant, size: int
) -> None:
    body = form(part(b"x" * size))
    headers = {"Authorization": f"Bearer {merchant.key}"}

    answer = Client().generic("PUT", "/api/v1/both", body, content_type=FORM, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (415, "media_type_unsupported")


def test_the_form_is_left_unread_when_it_comes_in_chunks_where_json_is_read(
    upload_urls: None, merchant: Merchant
) -> None:
    stream = BytesIO(form(part(b"x")))
    environ: dict[str, Any] = {
        "wsgi.input": stream,
        "wsgi.input_terminated": True,
        "CONTENT_LENGTH": "",
        "CONTENT_TYPE": FORM,
        "HTTP_TRANSFER_ENCODING": "chunked",
        "HTTP_AUTHORIZATION": f"Bearer {merchant.key}",
    }

    answer = Client().generic("PUT", "/api/v1/both", **environ)

    assert (answer.status_code, answer.json()["code"]) == (415, "media_type_unsupported")
    assert stream.tell() == 0


def test_each_method_reads_its_own_media_type_when_views_share_a_path(
    upload_urls: None, merchant: Merchant
) -> None:
    headers = {"Authorization": f"Bearer {merchant.key}"}

    put = Client().put("/api/v1/both", {"a": 1}, content_type="application/json", headers=headers)

    assert put.json() == {"body": {"a": 1}}
    assert send(merchant, form(part(b"x")), path="both").json() == described(b"x")
    assert send(merchant, b"{}", "application/json", path="both").status_code == 415


@pytest.mark.parametrize(
    ("media_type", "headers"),
    [
        ("application/json", {}),
        ("application/x-www-form-urlencoded", {}),
        ("image/png", {}),
        ("multipart/mixed; boundary=x", {}),
        ("text/plain", {}),
        ("", {}),
        (FORM, {"Content-Encoding": "gzip"}),
        (f"{FORM}; charset=utf-16", {}),
    ],
)
def test_media_type_is_unsupported_when_it_is_no_plain_form(
    upload_urls: None, merchant: Merchant, media_type: str, headers: dict[str, str]
) -> None:
    answer = send(merchant, form(part(b"x")), media_type, **headers)

    assert (answer.status_code, answer.json()["code"]) == (415, "media_type_unsupported")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([part("x", "note", None)], [("/file", "field_required")]),
        ([part(b"", filename="")], [("/file", "field_required")]),
        ([part(b"", filename="empty.png")], [("/file", "file_invalid")]),
        ([part("text", filename=None)], [("/file", "file_invalid")]),
        ([part(b"x"), part("1", "amount", None)], [("/amount", "unknown_field")]),
        ([part(b"x"), part(b"y", "other")], [("/other", "unknown_field")]),
        ([part(b"x", "File")], [("/File", "unknown_field"), ("/file", "field_required")]),
        ([part(b"x"), part(b"y")], [("/file", "field_invalid")]),
        ([part(b"x"), part("a", "note", None), part("b", "note", None)],
         [("/note", "field_invalid")]),
        ([part(b"x"), part(b"y", "note")], [("/note", "field_invalid")]),
        ([part(b"x"), part("a" * 101, "note", None)], [("/note", "field_invalid")]),
        ([part(b"x"), part("a" * 8193, "note", None)], [("/note", "field_invalid")]),
        ([part(b"x"), part("a\x00b", "note", None)], [("/note", "string_invalid")]),
        ([part(b"x"), part(b"\xff\xfe", "note", None)], [("/note", "string_invalid")]),
        ([part(b"x"), part(" a", "note", None)], [("/note", "string_invalid")]),
        ([part(b"x"), part("a\u200b", "note", None)], [("/note", "string_invalid")]),
    ],
)  # fmt: skip
def test_refused_with_a_pointer_when_a_field_is_wrong(
    upload_urls: None, merchant: Merchant, parts: list[bytes], expected: list[tuple[str, str]]
) -> None:
    answer = send(merchant, form(*parts))

    assert (answer.status_code, faults(answer)) == (422, expected)


def test_refused_when_there_are_more_than_twenty_parts(
    upload_urls: None, merchant: Merchant
) -> None:
    answer = send(merchant, form(*[part("x", f"f{number}", None) for number in range(21)]))

    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_items")


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (form(part(b"x")), "multipart/form-data"),
        (form(part(b"x")), "multipart/form-data; boundary="),
        (form(part(b"x")), "multipart/form-data; boundary=other"),
        (form(part(b"x")), f"multipart/form-data; boundary={'x' * 71}"),
        (form(part(b"x"))[:-10], FORM),
        (part(b"x"), FORM),
        (part(b"x" * 100)[:60], FORM),
        (form(part(b"x"))[:30], FORM),
        (b"x", FORM),
        (b"\x00" * 1000, FORM),
        (form(part(b"x")).replace(b"\r\n", b"\n"), FORM),
        (form(part(b"x")).replace(b"form-data", b"attachment"), FORM),
        (form(part(b"x")).replace(b'name="file"', b"nam"), FORM),
        (form(part(b"x")).replace(b"Content-Disposition", b"X-Other"), FORM),
        (form(part(b"x")).replace(b"a.png", b"\xff\xfe.png"), FORM),
        (form(part(b"x", "\x00")).replace(b"\x00", b"\xed\xa0\x80"), FORM),
        (form(part(b"x")).replace(b"\r\n\r\n", b"\r\nA: b" * 20 + b"\r\n\r\n"), FORM),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_refused_when_the_form_is_broken(
    upload_urls: None, merchant: Merchant, body: bytes, media_type: str
) -> None:
    answer = send(merchant, body, media_type)

    assert answer.status_code in {413, 422}
    assert answer.json()["code"] in {"file_invalid", "field_required", "body_too_large"}


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\\\x\\\\a.png", "a.png"),
        ("a%22b.png", "ab.png"),
        ("a%0D%0AX: y.png", "aX y.png"),
        ("\u202egnp.exe", "gnp.exe"),
        ("..", ""),
        ("CON", "CON"),
        ("a;b=c.png", "a;b=c.png"),
        ("x" * 3000, "x" * 120),
    ],
)
def test_a_naughty_filename_is_made_harmless(
    upload_urls: None, merchant: Merchant, sent: str, read: str
) -> None:
    answer = send(merchant, form(part(b"x", filename=sent)))

    assert (answer.status_code, answer.json()["filename"]) == (200, read)


def test_the_form_is_left_unread_when_the_key_is_unknown(
    upload_urls: None, merchant: Merchant
) -> None:
    answer, stream = send_chunked(merchant, form(part(b"x")), key="Bearer op_UNKNOWN")

    assert (answer.status_code, answer.json()["code"]) == (401, "key_invalid")
    assert stream.tell() == 0


def test_field_is_required_when_the_body_is_empty(upload_urls: None, merchant: Merchant) -> None:
    answer = send(merchant, b"")

    assert (answer.status_code, faults(answer)) == (422, [("/file", "field_required")])


def test_no_temporary_file_stays_when_forms_are_taken_and_refused(
    upload_urls: None, merchant: Merchant, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    for body in (
        form(part(b"x" * MB)),
        part(b"x" * MB),
        form(part(b"x" * MB), part(b"y" * MB)),
        part(b"x" * (LIMIT + 1)),
    ):
        send(merchant, body)
    gc.collect()  # a file left open would be an error now: ResourceWarning

    assert list(tmp_path.iterdir()) == []


def test_the_fingerprint_is_of_content_and_fields_and_not_of_the_filename(
    upload_urls: None, merchant: Merchant
) -> None:
    def fingerprint(*parts: bytes) -> str:
        headers = {"Idempotency-Key": "key-1"}
        text: str = send(merchant, form(*parts), **headers).json()["fingerprint"]
        return text

    note = part("a", "note", None)
    known = fingerprint(part(b"x"), note)

    assert fingerprint(note, part(b"x", filename="other.png")) == known
    others = {
        fingerprint(part(b"y"), note),
        fingerprint(part(b"x"), part("b", "note", None)),
        fingerprint(part(b"x")),
    }
    assert len(others | {known}) == 4
