from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
import time_machine
from django.conf import settings

from openplatform.messaging.signatures import (
    SecretMalformed,
    SignatureInvalid,
    new_secret,
    signature,
    signatures,
    verify,
)

SOURCE = (
    Path(settings.BASE_DIR).parent
    / "shared"
    / "data"
    / "conformance"
    / "webhook_signature_vectors.json"
)
needs_vectors = pytest.mark.skipif(
    not SOURCE.exists(), reason=f"../shared/data/conformance/{SOURCE.name} is missing"
)

SECRET = "whsec_QmVpIGplZGVyIFphaGwgendlaW1hbCBoaW5zZWhlbg=="
OTHER_SECRET = "whsec_RWluIGFuZGVyZXMgR2VoZWltbmlzLCBhdWNoIGxhbmc="
MESSAGE_ID = "msg_01JAV4Q0Z7"
MOMENT = datetime(2026, 3, 9, 1, 30, tzinfo=UTC)
BODY = '{"id":"msg_01JAV4Q0Z7","data":{"name":"蓝牙耳机 ☃"}}'.encode()


def headers_of(**changes: str) -> dict[str, str]:
    timestamp = int(MOMENT.timestamp())
    return {
        "Webhook-Id": MESSAGE_ID,
        "Webhook-Timestamp": str(timestamp),
        "Webhook-Signature": signature(SECRET, MESSAGE_ID, timestamp, BODY),
        **changes,
    }


def vectors() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(SOURCE.read_text())
    return document


@needs_vectors
def test_signature_is_the_published_one_when_the_vector_is_signed() -> None:
    for vector in vectors()["sign"]:
        body = vector["payload"].encode()

        given = signature(vector["secret"], vector["msg_id"], int(vector["timestamp"]), body)

        assert given == vector["expected"]


@needs_vectors
def test_signature_passes_only_when_it_is_the_published_one_among_others() -> None:
    document = vectors()
    [vector] = document["sign"]
    wrong = document["verify_must_fail_signatures"]
    now = datetime.fromtimestamp(int(vector["timestamp"]), UTC)

    def check(shown: str) -> None:
        headers = {
            "webhook-id": vector["msg_id"],
            "webhook-timestamp": vector["timestamp"],
            "webhook-signature": shown,
        }
        verify([vector["secret"]], headers, vector["payload"].encode(), now)

    check(vector["expected"])
    check(f"{wrong[2]} {vector['expected']} {wrong[2]}")
    for shown in [*wrong, " ".join(wrong)]:
        with pytest.raises(SignatureInvalid, match="No signature fits"):
            check(shown)


@needs_vectors
def test_header_of_two_schemes_is_read_when_it_is_the_standards_example() -> None:
    example = vectors()["spec_example"]
    body = example["payload"].encode()
    timestamp = example["headers"]["webhook-timestamp"]
    now = datetime.fromtimestamp(int(timestamp), UTC)
    ours = signature(SECRET, example["headers"]["webhook-id"], int(timestamp), body)

    with pytest.raises(SignatureInvalid, match="No signature fits"):
        verify([SECRET], example["headers"], body, now)
    shown = f"{example['headers']['webhook-signature']} {ours}"
    verify([SECRET], {**example["headers"], "webhook-signature": shown}, body, now)


def test_independent_receiver_takes_it_when_we_sign() -> None:
    secret = new_secret()
    timestamp = int(MOMENT.timestamp())
    headers = headers_of(
        **{"Webhook-Signature": signatures([OTHER_SECRET, secret], MESSAGE_ID, timestamp, BODY)}
    )

    with time_machine.travel(MOMENT):
        read = standardwebhooks.Webhook(secret).verify(BODY, headers)

    assert read == {"id": MESSAGE_ID, "data": {"name": "蓝牙耳机 ☃"}}


def test_it_passes_when_an_independent_sender_signs() -> None:
    # Its sign() takes any moment for one of UTC, whatever its zone says: it gets one of UTC.
    shown = standardwebhooks.Webhook(SECRET).sign(MESSAGE_ID, MOMENT, BODY.decode())

    verify([SECRET], headers_of(**{"Webhook-Signature": shown}), BODY, MOMENT)

    assert shown == signature(SECRET, MESSAGE_ID, int(MOMENT.timestamp()), BODY)


def test_secret_is_new_and_of_32_bytes_each_time_when_made() -> None:
    made = {new_secret() for _ in range(50)}

    assert len(made) == 50
    assert all(re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", one) for one in made)


def test_both_secrets_sign_when_two_are_in_force() -> None:
    timestamp = int(MOMENT.timestamp())
    shown = signatures([SECRET, OTHER_SECRET], MESSAGE_ID, timestamp, BODY)
    headers = headers_of(**{"Webhook-Signature": shown})

    verify([SECRET], headers, BODY, MOMENT)
    verify([OTHER_SECRET], headers, BODY, MOMENT)
    verify([new_secret(), OTHER_SECRET], headers, BODY, MOMENT)
    with pytest.raises(SignatureInvalid, match="No signature fits"):
        verify([new_secret()], headers, BODY, MOMENT)


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_it_passes_when_it_is_within_five_minutes(seconds: int) -> None:
    verify([SECRET], headers_of(), BODY, MOMENT + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("seconds", "reason"), [(301, "was 301 seconds ago"), (-301, "is 301 seconds in the future")]
)
def test_it_is_refused_when_its_time_is_out_of_five_minutes(seconds: int, reason: str) -> None:
    with pytest.raises(SignatureInvalid, match=reason):
        verify([SECRET], headers_of(), BODY, MOMENT + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"Webhook-Id": ""}, id="empty id"),
        pytest.param({"Webhook-Id": "msg_other"}, id="another id"),
        pytest.param({"Webhook-Id": "msg_\udc80"}, id="id of a half character"),
        pytest.param({"Webhook-Timestamp": ""}, id="empty time"),
        pytest.param({"Webhook-Timestamp": "1.77E9"}, id="time as a fraction"),
        pytest.param({"Webhook-Timestamp": "-1773019800"}, id="negative time"),
        pytest.param({"Webhook-Timestamp": "１７７３０１９８００"}, id="time in wide digits"),
        pytest.param({"Webhook-Timestamp": "9" * 400}, id="endless time"),
        pytest.param({"Webhook-Timestamp": str(int(MOMENT.timestamp()) + 1)}, id="another time"),
        pytest.param({"Webhook-Signature": ""}, id="no signature"),
        pytest.param({"Webhook-Signature": "v1"}, id="no comma"),
        pytest.param({"Webhook-Signature": "v1,"}, id="nothing behind the comma"),
        pytest.param({"Webhook-Signature": "v1,é☃"}, id="no base64"),
        pytest.param(
            {"Webhook-Signature": headers_of()["Webhook-Signature"].replace("v1,", "v2,")},
            id="another scheme",
        ),
    ],
)
def test_it_is_refused_when_a_header_is_not_what_was_signed(changes: dict[str, str]) -> None:
    with pytest.raises(SignatureInvalid):
        verify([SECRET], headers_of(**changes), BODY, MOMENT)


def test_it_is_refused_when_a_header_is_missing() -> None:
    for name in headers_of():
        headers = headers_of()
        del headers[name]

        with pytest.raises(SignatureInvalid, match=f"The header {name.lower()} is missing"):
            verify([SECRET], headers, BODY, MOMENT)


def test_it_is_refused_when_one_byte_of_the_body_changed() -> None:
    with pytest.raises(SignatureInvalid, match="No signature fits"):
        verify([SECRET], headers_of(), BODY + b" ", MOMENT)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_no base64",
        "whsec_☃",
        SECRET.removeprefix("whsec_"),
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
    ],
)
def test_secret_is_refused_when_it_is_malformed(secret: str) -> None:
    with pytest.raises(SecretMalformed):
        signature(secret, MESSAGE_ID, 0, BODY)
