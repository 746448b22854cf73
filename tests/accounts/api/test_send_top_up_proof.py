from __future__ import annotations

import hashlib
import time
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.test import Client

from accounts.models import TopUpProof
from accounts.services.locks import lock_partner
from accounts.services.proofs import keep_proof, prune_proofs
from openplatform.core import clock
from openplatform.core.errors import TooManyItems
from openplatform.core.identifiers import dated_no
from openplatform.core.locking import transactional
from openplatform.core.statements import send
from openplatform.core.uploads import limited_process
from openplatform.core.uploads.files import ReceivedFile
from openplatform.core.uploads.storage import sweep_files
from openplatform.idempotency.services.replay import Answer
from tests.accounts.pictures import make_png
from tests.cast import Api, Merchant, make_merchant
from tests.racing import race

PATH = "/account/top-ups/proofs"


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def stored(files: Path) -> list[Path]:
    return [file for file in files.rglob("*") if file.is_file()]


def busy_with_another_file() -> AbstractContextManager[None]:
    """As while this web process opens a file of somebody else: who opens one now has to wait."""
    return limited_process.held_slot()


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
    assert len(stored(files)) == 1


def test_the_file_is_not_opened_again_when_it_is_sent_again_under_the_same_key(
    merchant: Merchant,
) -> None:
    headers = {"Idempotency-Key": "p-1"}
    first = merchant.api.upload(PATH, make_png(), headers=headers)

    with busy_with_another_file():
        second = merchant.api.upload(PATH, make_png(), headers=headers)
        reused = merchant.api.upload(PATH, make_png("red"), headers=headers)

    assert (second.status_code, second.json()["proof_id"]) == (201, first.json()["proof_id"])
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")


def test_busy_when_another_file_is_being_opened(
    merchant: Merchant, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limited_process, "PATIENCE", 0.1)
    headers = {"Idempotency-Key": "p-1"}

    with busy_with_another_file():
        response = merchant.api.upload(PATH, make_png(), headers=headers)

    assert (response.status_code, response.json()["code"]) == (503, "temporarily_unavailable")
    assert response["Retry-After"] == "1"
    assert not TopUpProof.objects.exists()
    assert stored(files) == []
    assert merchant.api.upload(PATH, make_png(), headers=headers).status_code == 201


def wait_until_another_waits() -> None:
    """For a lock; given up after a while, as when there is no lock to wait for."""
    deadline = time.monotonic() + 10
    waiting = """
        SELECT FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND datname = current_database()
    """
    while not send(waiting, []).rows() and time.monotonic() < deadline:
        time.sleep(0.02)


def add_unused(merchant: Merchant, count: int, **age: float) -> None:
    at = clock.now() - timedelta(**age)
    TopUpProof.objects.bulk_create(
        TopUpProof(
            proof_id=dated_no("P", at),
            partner=merchant.partner,
            file=f"top-up-proofs/2026/01/{number:026}{age}.png",
            media_type="image/png",
            sha256="0" * 64,
            size_bytes=1,
            created_at=at,
        )
        for number in range(count)
    )


def test_refused_unopened_when_twenty_proofs_are_unused(merchant: Merchant, files: Path) -> None:
    add_unused(merchant, 18, days=6)
    add_unused(merchant, 30, days=8)  # about to be forgotten
    used = merchant.api.upload(PATH, make_png()).json()["proof_id"]
    top_up = {
        "amount": "1.00",
        "reference": "r",
        "paid_at": "2026-03-01T10:00:00+08:00",
        "proof_id": used,
    }
    kept = merchant.api.upload(PATH, make_png())

    with busy_with_another_file():
        refused = merchant.api.upload(PATH, make_png())
    merchant.api.post("/account/top-ups", top_up)
    after = merchant.api.upload(PATH, make_png())

    assert (kept.status_code, refused.status_code, after.status_code) == (201, 422, 201)
    assert refused.json()["code"] == "too_many_items"
    assert refused.json()["errors"][0]["maximum"] == 20
    assert TopUpProof.objects.count() == 18 + 30 + 3
    assert len(stored(files)) == 3


def test_another_partner_is_not_stopped_when_one_has_twenty(merchant: Merchant) -> None:
    add_unused(merchant, 20)

    assert make_merchant("other").api.upload(PATH, make_png()).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_the_twentieth_is_the_last_when_four_are_sent_at_once(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limited_process, "PATIENCE", 30)
    merchant = make_merchant("acme")
    add_unused(merchant, 19)

    def send_one() -> Answer:
        file = ReceivedFile(make_png(), "a.png")
        return keep_proof(partner_id=merchant.partner.pk, file=file, now=clock.now())

    outcomes = race(*[send_one] * 4)

    refusals = [outcome for outcome in outcomes if isinstance(outcome, TooManyItems)]
    assert [outcome.status for outcome in outcomes if isinstance(outcome, Answer)] == [201]
    assert [refusal.facts for refusal in refusals] == [{"maximum": 20}] * 3
    assert TopUpProof.objects.count() == 20
    assert len(stored(files)) == 1


@pytest.mark.django_db(transaction=True)
def test_refused_when_the_twentieth_is_written_at_this_moment(files: Path) -> None:
    """Without the partner's lock, the one that comes second would not see the first."""
    merchant = make_merchant("acme")
    add_unused(merchant, 19)

    @transactional
    def write_the_twentieth() -> None:
        lock_partner(pk=merchant.partner.pk)
        add_unused(merchant, 1, hours=1)
        wait_until_another_waits()

    def send_one() -> Answer:
        file = ReceivedFile(make_png(), "a.png")
        return keep_proof(partner_id=merchant.partner.pk, file=file, now=clock.now())

    _written, refusal = race(write_the_twentieth, send_one)

    assert isinstance(refusal, TooManyItems)
    assert TopUpProof.objects.count() == 20
    assert stored(files) == []


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
    assert stored(files) == []


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
    assert len(stored(files)) == 1


def test_refused_when_the_key_only_reads(merchant: Merchant) -> None:
    response = merchant.api_with("account:read").upload(PATH, make_png())

    assert (response.status_code, response.json()["code"]) == (403, "scope_missing")
    assert not TopUpProof.objects.exists()


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    assert Api().upload(PATH, make_png()).json()["code"] == "key_missing"
