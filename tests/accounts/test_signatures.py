"""Signed requests: what is accepted once, and everything that is not accepted."""

from __future__ import annotations

import base64
import json
import secrets
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from accounts.api.authentication import KEYS
from accounts.models import ApiKey, RequestNonce, TopUpProof
from accounts.services.keys import create_key
from accounts.services.signatures import KEEP_NONCE, NONCE_KEPT_MINUTES, prune_nonces
from openplatform.core import clock
from orders.models import Order
from tests.accounts.pictures import make_png
from tests.accounts.signing import OTHER_PRIVATE_KEY, PUBLIC_KEY, Signer, digest_of
from tests.cast import Api, Merchant, World, make_merchant, order_body
from tests.racing import race

UNCOVERED = 'Required component "%s" was not covered by the signature'
BODY = {"items": [{"sku": "A", "quantity": 1}]}


@pytest.fixture
def signer(merchant: Merchant) -> Signer:
    """A client of acme whose key opens to signed requests only."""
    return Signer(scopes=["catalog:read", "orders:write"])


def outcome(response: Any) -> tuple[int, str | None]:
    """Status and code."""
    return response.status_code, response.json().get("code")


def reason(response: Any) -> str:
    """Why a signature was refused."""
    assert outcome(response) == (401, "signature_invalid")
    (fault,) = response.json()["errors"]
    assert fault["pointer"] == "Signature"
    return str(fault["reason"])


def send(signer: Signer, body: bytes, headers: dict[str, str], path: str = "/orders") -> Any:
    """POST these very bytes."""
    return signer.client.post(
        f"/api/v1{path}", body, content_type="application/json", headers=headers
    )


def send_in_chunks(signer: Signer, body: bytes, headers: dict[str, str], path: str) -> Any:
    """The same as granian hands it over: no length, the chunks undone, the stream ended."""
    environ: dict[str, Any] = {
        "CONTENT_LENGTH": "",
        "CONTENT_TYPE": "application/json",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input": BytesIO(body),
        "wsgi.input_terminated": True,
    }
    return signer.client.generic("POST", f"/api/v1{path}", headers=headers, **environ)


# Accepted


def test_request_is_answered_when_it_is_signed(signer: Signer) -> None:
    response = signer.get("/key", headers=signer.sign())

    assert outcome(response) == (200, None)
    nonce = RequestNonce.objects.get()
    assert nonce.key_id == signer.row.pk
    left = nonce.expires_at - clock.now()
    assert timedelta(minutes=9) < left <= timedelta(minutes=10)


def test_query_is_signed_as_it_is_sent_when_there_is_one(signer: Signer) -> None:
    path = "/catalog/shelf-states?sku=A%2CB"

    assert outcome(signer.get(path, headers=signer.sign(path=path))) == (200, None)


def test_order_is_placed_once_when_its_body_is_signed(shop: World, signer: Signer) -> None:
    shop.make_sku("A", north=5)
    body = json.dumps(order_body()).encode()
    headers = signer.sign("POST", "/orders", body, headers={"idempotency-key": "K-1"})

    placed = send(signer, body, headers)
    again = send(signer, body, headers)

    assert placed.status_code == 201
    assert reason(again) == "The nonce was used before"


def test_body_in_chunks_is_accepted_when_its_digest_is_signed(signer: Signer) -> None:
    body = json.dumps(BODY).encode()
    headers = signer.sign("POST", "/catalog/stock-checks", body)

    response = send_in_chunks(signer, body, headers, "/catalog/stock-checks")

    assert response.status_code == 200
    assert response.json()["results"][0]["sku"] == "A"


@pytest.mark.parametrize("is_chunked", [False, True])
def test_upload_is_kept_when_its_bytes_are_signed_and_refused_when_they_are_others(
    merchant: Merchant, settings: LazySettings, tmp_path: Path, is_chunked: bool
) -> None:
    settings.MEDIA_ROOT = tmp_path
    signer = Signer(scopes=["account:write"])
    path = "/account/top-ups/proofs"
    body = encode_multipart(BOUNDARY, {"file": SimpleUploadedFile("proof.png", make_png())})
    # Behind the end of the form, where its parser does not look.
    changed = body + b"x"
    answers = []

    for sent in (changed, body):
        environ: dict[str, Any] = {"CONTENT_TYPE": MULTIPART_CONTENT}
        if is_chunked:
            environ |= {
                "CONTENT_LENGTH": "",
                "HTTP_TRANSFER_ENCODING": "chunked",
                "wsgi.input": BytesIO(sent),
                "wsgi.input_terminated": True,
            }
        headers = signer.sign("POST", path, body)
        answers.append(
            signer.client.generic(
                "POST", f"/api/v1{path}", sent, MULTIPART_CONTENT, headers=headers, **environ
            )
        )

    assert reason(answers[0]) == "Content-Digest does not match the message body"
    assert answers[1].status_code == 201, answers[1].content
    assert TopUpProof.objects.count() == 1


def test_body_is_too_large_when_it_is_signed_and_passes_the_limit(signer: Signer) -> None:
    body = b" " * (2 * 1024 * 1024 + 1)
    headers = signer.sign("POST", "/catalog/stock-checks", body)

    response = send_in_chunks(signer, body, headers, "/catalog/stock-checks")

    assert outcome(response) == (413, "body_too_large")


def test_head_is_answered_when_it_is_signed_as_head(signer: Signer) -> None:
    path = "/api/v1/catalog/skus"

    assert signer.client.head(path, headers=signer.sign("HEAD", "/catalog/skus")).status_code == 200
    assert signer.client.head(path, headers=signer.sign("GET", "/catalog/skus")).status_code == 401


def test_address_of_the_platform_counts_when_a_proxy_asked_another(
    signer: Signer, settings: LazySettings
) -> None:
    settings.PUBLIC_URL = "https://open.example.com"
    headers = signer.sign(url="https://open.example.com/api/v1/key")

    assert outcome(signer.get("/key", headers={**headers, "Host": "localhost:8000"}))[0] == 200


def test_more_may_be_covered_than_must_be(signer: Signer) -> None:
    covered = [
        *("@method", "@target-uri", "authorization", "@authority", "@path", "@query"),
        *("@scheme", "accept-language"),
    ]
    headers = signer.sign(headers={"accept-language": "en"}, covered=covered, include_alg=False)

    assert outcome(signer.get("/key", headers=headers)) == (200, None)


@pytest.mark.parametrize("age", [-8, 0, 299])
def test_request_is_answered_when_its_age_is_within_five_minutes(signer: Signer, age: int) -> None:
    created = datetime.now(UTC) - timedelta(seconds=age)

    assert outcome(signer.get("/key", headers=signer.sign(created=created)))[0] == 200


@pytest.mark.parametrize("nonce", ["!" * 16, "~" * 128])
def test_request_is_answered_when_the_nonce_is_as_long_as_it_may_be(
    signer: Signer, nonce: str
) -> None:
    assert outcome(signer.get("/key", headers=signer.sign(nonce=nonce)))[0] == 200


# Required or not


def test_signature_is_asked_for_when_the_key_requires_it(signer: Signer) -> None:
    assert outcome(signer.get("/key")) == (401, "signature_missing")
    assert not RequestNonce.objects.exists()
    assert ApiKey.objects.get(pk=signer.row.pk).last_used_at is None


def test_request_is_answered_unsigned_when_the_key_does_not_require_it(merchant: Merchant) -> None:
    signer = Signer(requires_signature=False)

    assert outcome(signer.get("/key")) == (200, None)


def test_signature_is_checked_when_it_is_sent_and_not_required(merchant: Merchant) -> None:
    signer = Signer(requires_signature=False)

    assert outcome(signer.get("/key", headers=signer.sign()))[0] == 200
    assert reason(signer.get("/key", headers=signer.sign(private_key=OTHER_PRIVATE_KEY)))
    assert reason(signer.get("/key", headers={"Signature": "sig=:AAAA:"}))


def test_signature_is_passed_over_when_the_key_has_no_public_key(merchant: Merchant) -> None:
    assert outcome(merchant.api.get("/key", headers={"Signature": "sig=:AAAA:"})) == (200, None)


def test_requirement_holds_within_a_second_when_it_is_set_during_use(merchant: Merchant) -> None:
    merchant.api.get("/key")
    ApiKey.objects.update(public_key=PUBLIC_KEY, requires_signature=True)
    KEYS.clear()

    assert outcome(merchant.api.get("/key")) == (401, "signature_missing")


# Refused


def test_refused_when_another_key_signed(signer: Signer) -> None:
    headers = signer.sign(private_key=OTHER_PRIVATE_KEY)

    assert reason(signer.get("/key", headers=headers)) == (
        "The signature was not made of this request"
    )
    assert not RequestNonce.objects.exists()


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"created": timedelta(minutes=6)}, "Signature age exceeds maximum allowable age 0:05:00"),
        (
            {"created": timedelta(seconds=-30)},
            'Signature "created" parameter is set to a time in the future',
        ),
        (
            {"expires": timedelta(minutes=1)},
            'Signature "expires" parameter is set to a time in the past',
        ),
        ({"nonce": None}, "The nonce must have 16 to 128 visible ASCII characters"),
        ({"nonce": "x" * 15}, "The nonce must have 16 to 128 visible ASCII characters"),
        ({"nonce": "x" * 129}, "The nonce must have 16 to 128 visible ASCII characters"),
        ({"nonce": "blank within this"}, "The nonce must have 16 to 128 visible ASCII characters"),
        ({"key_id": "op_00000000"}, "Unable to resolve verification key"),
        ({"covered": ["@method", "@target-uri"]}, UNCOVERED % "authorization"),
        ({"covered": ["@method", "authorization"]}, UNCOVERED % "@target-uri"),
        ({"covered": ["@target-uri", "authorization"]}, UNCOVERED % "@method"),
        ({"covered": ["@method", "@path", "authorization"]}, UNCOVERED % "@target-uri"),
        ({"covered": []}, UNCOVERED % "@method"),
    ],
)  # fmt: skip
def test_refused_when_the_signature_does_not_say_what_it_must(
    signer: Signer, parameters: dict[str, Any], told: str
) -> None:
    now = datetime.now(UTC)
    given: dict[str, Any] = {
        name: now - value if isinstance(value, timedelta) else value
        for name, value in parameters.items()
    }

    response = signer.get("/key", headers=signer.sign(**given))

    assert reason(response) == told
    assert not RequestNonce.objects.exists()
    assert ApiKey.objects.get(pk=signer.row.pk).last_used_at is None


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/key?limit=1", {}),
        ("/account", {}),
        ("/key", {"Idempotency-Key": "K-1"}),
        ("/key", {"Content-Digest": digest_of(b"")}),
    ],
)
def test_refused_when_something_was_put_into_the_request(
    signer: Signer, path: str, headers: dict[str, str]
) -> None:
    assert reason(signer.get(path, headers={**signer.sign(), **headers}))


def test_refused_when_a_covered_header_was_taken_out(signer: Signer) -> None:
    body = json.dumps(BODY).encode()
    headers = signer.sign("POST", "/catalog/stock-checks", body, headers={"idempotency-key": "K"})
    del headers["idempotency-key"]

    assert reason(send(signer, body, headers, "/catalog/stock-checks")) == (
        'Covered header field "idempotency-key" not found in the message'
    )


def test_refused_when_another_method_was_signed(signer: Signer) -> None:
    assert reason(signer.get("/key", headers=signer.sign("POST")))


def test_refused_when_another_key_of_the_partner_is_sent(signer: Signer) -> None:
    row, key = create_key(partner_code="acme", scopes=[], actor="test", public_key=PUBLIC_KEY)
    headers = {**signer.sign(key_id=row.prefix), "authorization": f"Bearer {key}"}

    assert reason(Api(key).get("/key", headers=headers)) == (
        "The signature was not made of this request"
    )


@pytest.mark.parametrize("sent", [b"", b" ", b'{"items": [{"sku": "B", "quantity": 1}]}'])
def test_refused_before_anything_is_done_when_the_body_is_another(
    shop: World, signer: Signer, sent: bytes
) -> None:
    shop.make_sku("A", north=5)
    headers = signer.sign("POST", "/orders", json.dumps(order_body()).encode())

    response = send(signer, sent, headers)

    assert reason(response) == "Content-Digest does not match the message body"
    assert not Order.objects.exists()


def test_refused_when_the_body_is_not_covered(signer: Signer) -> None:
    body = json.dumps(BODY).encode()
    headers = signer.sign("POST", "/catalog/stock-checks")

    uncovered = send(signer, body, headers, "/catalog/stock-checks")
    digest_only = send(
        signer, body, {**headers, "Content-Digest": digest_of(body)}, "/catalog/stock-checks"
    )
    in_chunks = send_in_chunks(signer, body, headers, "/catalog/stock-checks")

    told = UNCOVERED % "content-digest"
    assert [reason(response) for response in (uncovered, digest_only, in_chunks)] == [told] * 3


@pytest.mark.parametrize(
    "digest",
    [
        "md5=:AAAA:", "sha-256=:AAAA:", "sha-256=AAAA", "", "x",
        digest_of(b"other"), f"{digest_of(b'{}')}, {digest_of(b'other')}",
        f"{digest_of(b'{}')}, unixsum=:AAAA:",
    ],
)  # fmt: skip
def test_refused_when_the_digest_that_was_signed_is_none(signer: Signer, digest: str) -> None:
    names = ["@method", "@target-uri", "authorization", "content-digest"]
    headers = signer.sign(
        "POST", "/catalog/stock-checks", headers={"content-digest": digest}, covered=names
    )

    assert reason(send(signer, b"{}", headers, "/catalog/stock-checks"))


@pytest.mark.parametrize(
    "headers",
    [
        {"Signature": ""},
        {"Signature": "sig=:AAAA:", "Signature-Input": ""},
        {"Signature": "sig=1", "Signature-Input": "sig=()"},
        {"Signature": "sig=:AAAA:", "Signature-Input": "sig=1"},
        {"Signature": "sig=:AAAA:", "Signature-Input": "other=()"},
        {"Signature": "sig=:AAAA:", "Signature-Input": 'sig=();created=99999999999999;keyid="x"'},
        {"Signature": "sig=:AAAA:", "Signature-Input": 'sig=();created="1";keyid="x"'},
        {"Signature": "sig=:AAAA:", "Signature-Input": "sig=();created=-62135596801"},
        {"Signature": "sig=:AAAA:", "Signature-Input": 'sig=("@nothing");created=1;keyid=2'},
        {"Signature": "sig=:AAAA:", "Signature-Input": "(((((((((("},
        {"Signature": "sig=:AAAA:", "Signature-Input": "sig=(" + '"@method" ' * 500 + ")"},
        {"Signature": ",".join(f"s{n}=:AAAA:" for n in range(300)), "Signature-Input": "s1=()"},
        {"Signature": "签名", "Signature-Input": "é"},
        {"Signature": "sig=:\x7f\x01:", "Signature-Input": "sig=\x00"},
    ],
)
def test_refused_without_a_fault_of_ours_when_the_headers_are_rubbish(
    signer: Signer, headers: dict[str, str]
) -> None:
    assert reason(signer.get("/key", headers=headers))


def test_refused_without_a_fault_of_ours_when_a_good_signature_is_changed_anywhere(
    signer: Signer,
) -> None:
    for seed in range(60):
        headers = signer.sign(tag="shop")
        name = "Signature" if seed % 2 else "Signature-Input"
        value = headers[name]
        position = (seed * 7919) % len(value)
        other = chr(33 + (ord(value[position]) - 33 + 1 + seed) % 94)
        if other == value[position]:
            continue
        headers[name] = value[:position] + other + value[position + 1 :]

        response = signer.get("/key", headers=headers)

        # A base64 text may end in bits that do not count.
        assert response.status_code == 401 or _same_bytes(headers["Signature"], value)


def _same_bytes(one: str, other: str) -> bool:
    return base64.b64decode(one.strip("sig=:")) == base64.b64decode(other.strip("sig=:"))


def test_refused_when_two_signatures_are_sent(signer: Signer) -> None:
    one, two = signer.sign(label="one"), signer.sign(label="two")
    headers = {
        **one,
        **{name: f"{one[name]}, {two[name]}" for name in ("Signature", "Signature-Input")},
    }

    assert reason(signer.get("/key", headers=headers)) == (
        "Multiple signatures found and no tag or label specified"
    )


# Nonces


def test_refused_when_a_request_is_sent_again(signer: Signer) -> None:
    headers = signer.sign()

    first, second = (signer.get("/key", headers=headers) for _ in range(2))

    assert first.status_code == 200
    assert reason(second) == "The nonce was used before"
    assert RequestNonce.objects.count() == 1


def test_refused_when_a_nonce_comes_again_in_another_request(signer: Signer) -> None:
    nonce = secrets.token_urlsafe(16)
    signer.get("/key", headers=signer.sign(nonce=nonce))

    assert reason(
        signer.get("/catalog/skus", headers=signer.sign(path="/catalog/skus", nonce=nonce))
    )


def test_nonce_counts_per_key_when_two_keys_use_the_same(merchant: Merchant) -> None:
    nonce = secrets.token_urlsafe(16)
    one, two = Signer(), Signer()

    assert one.get("/key", headers=one.sign(nonce=nonce)).status_code == 200
    assert two.get("/key", headers=two.sign(nonce=nonce)).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_one_is_answered_when_the_same_request_comes_ten_times_at_once() -> None:
    make_merchant("acme")
    signer = Signer()
    headers = signer.sign()

    answers = race(*[partial(signer.get, "/key", headers=headers)] * 10)

    assert sorted(outcome(answer) for answer in answers) == [
        (200, None), *[(401, "signature_invalid")] * 9,
    ]  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_several_are_answered_when_nonces_are_looked_up_before_they_are_kept() -> None:
    """Why the insert decides: between a look and a write, the others look too."""
    make_merchant("acme")
    signer = Signer()

    def look_then_keep() -> bool:
        is_new = not RequestNonce.objects.filter(key=signer.row, nonce="n" * 16).exists()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.1)")
            cursor.execute(KEEP_NONCE, [signer.row.pk, "n" * 16, NONCE_KEPT_MINUTES])
        return is_new

    assert race(*[look_then_keep] * 5).count(True) > 1


def test_nonces_are_forgotten_when_no_signature_can_come_with_them_any_more(
    signer: Signer,
) -> None:
    signer.get("/key", headers=signer.sign())
    signer.get("/key", headers=signer.sign())
    old = RequestNonce.objects.earliest("id")
    RequestNonce.objects.filter(pk=old.pk).update(expires_at=clock.now() - timedelta(seconds=1))

    assert prune_nonces() == 1

    assert not RequestNonce.objects.filter(pk=old.pk).exists()
    assert RequestNonce.objects.count() == 1
    assert prune_nonces() == 0
