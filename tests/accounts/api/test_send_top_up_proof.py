from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.test import Client

from accounts.models import TopUpProof
from accounts.services.proofs import prune_proofs
from openplatform.core import clock
from openplatform.core.uploads.storage import sweep_files
from tests.accounts.pictures import make_png
from tests.cast import Api, Merchant

PATH = "/account/top-ups/proofs"


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def test_picture_is_kept_and_shown_when_it_is_sent(merchant: Merchant) -> None:
    response = merchant.api.upload(PATH, make_png(), filename="../../转账.png")

    body = response.json()
    proof = TopUpProof.objects.get()
    shown: Any = Client().get(urlsplit(body["url"]).path)
    content = b"".join(shown.streaming_content)
    assert response.status_code == 201
    assert (body["proof_id"], body["media_type"]) == (proof.proof_id, "image/png")
    assert (proof.partner, proof.size_bytes) == (merchant.partner, len(content))
    assert body["sha256"] == hashlib.sha256(content).hexdigest()
    assert shown.status_code == 200


def test_one_proof_is_kept_when_it_is_sent_again_under_the_same_key(
    merchant: Merchant, files: Path
) -> None:
    headers = {"Idempotency-Key": "p-1"}
    first = merchant.api.upload(PATH, make_png(), headers=headers)

    with time_machine.travel(clock.now() + timedelta(minutes=20), tick=False):
        second = merchant.api.upload(PATH, make_png(), headers=headers)
        shown: Any = Client().get(urlsplit(second.json()["url"]).path)
        assert len(b"".join(shown.streaming_content)) == second.json()["size_bytes"]
    third = merchant.api.upload(PATH, make_png("red"), headers=headers)

    same = ("proof_id", "sha256", "media_type", "size_bytes")
    assert [second.json()[name] for name in same] == [first.json()[name] for name in same]
    assert (second.status_code, shown.status_code) == (201, 200)
    assert second["Idempotent-Replayed"] == "true"
    assert (third.status_code, third.json()["code"]) == (422, "idempotency_key_reused")
    assert TopUpProof.objects.count() == 1
    assert len([file for file in files.rglob("*") if file.is_file()]) == 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "file_invalid"),
        (b"<html><script>1</script>", "file_invalid"),
        (make_png()[:60], "image_invalid"),
        (b"", "file_invalid"),
        (b"%PDF-1.7 broken", "file_invalid"),
    ],
)
def test_nothing_is_kept_when_the_file_is_not_a_good_one(
    merchant: Merchant, content: bytes, code: str, files: Path
) -> None:
    response = merchant.api.upload(PATH, content)

    assert (response.status_code, response.json()["code"]) == (422, code)
    assert not TopUpProof.objects.exists()
    assert not [file for file in files.rglob("*") if file.is_file()]


def test_refused_when_there_is_a_field_too_many(merchant: Merchant) -> None:
    response = merchant.api.upload(PATH, make_png(), partner="stranger")

    assert (response.status_code, response.json()["code"]) == (422, "unknown_field")


def test_refused_when_it_is_json(merchant: Merchant) -> None:
    response = merchant.api.post(PATH, {"file": "x"})

    assert (response.status_code, response.json()["code"]) == (415, "media_type_unsupported")


def test_unused_proof_is_forgotten_with_its_file_after_seven_days(
    merchant: Merchant, files: Path
) -> None:
    merchant.api.upload(PATH, make_png())
    used = merchant.api.upload(PATH, make_png("red")).json()["proof_id"]
    merchant.api.post(
        "/account/top-ups",
        {
            "amount": "1.00",
            "reference": "r",
            "paid_at": "2026-03-01T10:00:00+08:00",
            "proof_id": used,
        },
    )
    assert prune_proofs() == 0
    TopUpProof.objects.update(created_at=clock.now() - timedelta(days=8))

    pruned = prune_proofs()
    with time_machine.travel(clock.now() + timedelta(days=2)):
        sweep_files()

    assert pruned == 1
    assert [proof.proof_id for proof in TopUpProof.objects.all()] == [used]
    assert len([file for file in files.rglob("*") if file.is_file()]) == 1


def test_refused_when_the_key_only_reads(merchant: Merchant) -> None:
    response = merchant.api_with("account:read").upload(PATH, make_png())

    assert (response.status_code, response.json()["code"]) == (403, "scope_missing")
    assert not TopUpProof.objects.exists()


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    assert Api().upload(PATH, make_png()).json()["code"] == "key_missing"
