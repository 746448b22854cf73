from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from threading import Event

import pytest
from django.db import transaction

from openplatform.core import clock, pruning
from openplatform.core.errors import (
    IdempotencyKeyReused,
    NotFound,
    RequestInProgress,
)
from openplatform.core.locking import NotInTransaction, transactional
from openplatform.core.statements import send
from openplatform.idempotency.models import IdempotentRequest
from openplatform.idempotency.services.replay import (
    Answer,
    ReplayKey,
    claim,
    fingerprint_of,
    prune_idempotent_requests,
    record,
)
from tests.cast import Merchant, make_merchant
from tests.racing import race


def replay_key(merchant: Merchant, **fields: object) -> ReplayKey:
    known = ReplayKey(
        partner_id=merchant.partner.pk,
        method="POST",
        path="/api/v1/orders",
        key="key-1",
        fingerprint=fingerprint_of({"a": 1}),
    )
    return replace(known, **fields)  # type: ignore[arg-type]


class Shop:
    """A service that answers with how often it did its work."""

    def __init__(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.served = 0
        self.meanwhile = meanwhile

    @transactional
    def serve(self, replay: ReplayKey | None) -> Answer:
        """Claim, work, record."""
        if (kept := claim(replay)) is not None:
            return kept
        self.served += 1
        self.meanwhile()
        answer = Answer(201, b'{"served":%d}' % self.served)
        record(replay, answer)
        return answer


def test_first_answer_comes_again_when_a_request_is_repeated(merchant: Merchant) -> None:
    shop = Shop()
    first = shop.serve(replay_key(merchant))

    second = shop.serve(replay_key(merchant))

    assert first == Answer(201, b'{"served":1}', is_replay=False)
    assert second == Answer(201, b'{"served":1}', is_replay=True)
    assert shop.served == 1


def test_body_is_kept_to_the_letter_when_it_is_not_ascii(merchant: Merchant) -> None:
    body = '{"name":"张三 👍","price":"1.00"}'.encode()
    with transaction.atomic():
        claim(replay_key(merchant))
        record(replay_key(merchant), Answer(200, body))

    assert claim(replay_key(merchant)) == Answer(200, body, is_replay=True)


def test_work_is_done_again_when_there_is_no_key(merchant: Merchant) -> None:
    shop = Shop()

    assert [shop.serve(None).body for _ in range(2)] == [b'{"served":1}', b'{"served":2}']
    assert not IdempotentRequest.objects.exists()


def test_refused_when_the_key_was_used_with_another_body(merchant: Merchant) -> None:
    shop = Shop()
    shop.serve(replay_key(merchant))

    with pytest.raises(IdempotencyKeyReused):
        shop.serve(replay_key(merchant, fingerprint=fingerprint_of({"a": 2})))

    assert shop.served == 1
    assert IdempotentRequest.objects.count() == 1


def test_key_counts_apart_when_partner_method_path_or_key_differ(
    merchant: Merchant, stranger: Merchant
) -> None:
    shop = Shop()
    same = replay_key(merchant)
    others = [
        replay_key(stranger),
        replay_key(merchant, method="PUT"),
        replay_key(merchant, path="/api/v1/orders/S-1/confirm"),
        replay_key(merchant, key="KEY-1"),
    ]

    answers = [shop.serve(replay) for replay in (same, *others)]

    assert [answer.is_replay for answer in answers] == [False] * 5
    assert shop.served == 5


@pytest.mark.parametrize(
    ("body", "is_same"),
    [
        ({"b": [1, {"d": 1, "c": 2}], "a": "é"}, True),
        ({"a": "é", "b": [{"c": 2, "d": 1}, 1]}, False),
        ({"a": "é", "b": [1, {"c": "2", "d": 1}]}, False),
        ({"a": "é"}, False),
        (None, False),
    ],
)
def test_fingerprint_is_the_same_when_only_the_order_of_keys_differs(
    body: object, is_same: bool
) -> None:
    known = fingerprint_of({"a": "é", "b": [1, {"c": 2, "d": 1}]})

    assert (fingerprint_of(body) == known) is is_same


@pytest.mark.django_db(transaction=True)
def test_key_is_free_again_when_the_work_was_refused() -> None:
    merchant = make_merchant("acme")

    def refuse() -> None:
        raise NotFound

    with pytest.raises(NotFound):
        Shop(refuse).serve(replay_key(merchant))

    assert not IdempotentRequest.objects.exists()
    assert Shop().serve(replay_key(merchant)) == Answer(201, b'{"served":1}')


@pytest.mark.django_db(transaction=True)
def test_one_does_the_work_and_all_answer_alike_when_a_key_is_sent_many_times_at_once() -> None:
    merchant = make_merchant("acme")
    shop = Shop(lambda: send("SELECT pg_sleep(0.1)"))

    answers = race(*[lambda: shop.serve(replay_key(merchant))] * 8)

    bodies = [answer.body for answer in answers if isinstance(answer, Answer)]
    assert bodies == [b'{"served":1}'] * 8
    assert sorted(answer.is_replay for answer in answers if isinstance(answer, Answer)) == (
        [False] + [True] * 7
    )
    assert shop.served == 1


@pytest.mark.django_db(transaction=True)
def test_work_is_done_by_the_second_when_the_first_is_refused_while_it_waits() -> None:
    merchant = make_merchant("acme")
    begun = Event()

    def fail_late() -> None:
        begun.set()
        send("SELECT pg_sleep(0.2)")
        raise NotFound

    def second() -> Answer:
        assert begun.wait(10)
        return Shop().serve(replay_key(merchant))

    outcomes = race(lambda: Shop(fail_late).serve(replay_key(merchant)), second)

    assert isinstance(outcomes[0], NotFound)
    assert outcomes[1] == Answer(201, b'{"served":1}')


@pytest.mark.django_db(transaction=True)
def test_refused_when_the_first_runs_longer_than_a_lock_is_waited_for() -> None:
    merchant = make_merchant("acme")
    begun, done = Event(), Event()

    def linger() -> None:
        begun.set()
        assert done.wait(10)

    @transactional
    def impatient() -> Answer | None:
        send("SET LOCAL lock_timeout = '50ms'")
        return claim(replay_key(merchant))

    def second() -> Answer | None:
        assert begun.wait(10)
        try:
            return impatient()
        finally:
            done.set()

    outcomes = race(lambda: Shop(linger).serve(replay_key(merchant)), second)

    assert outcomes[0] == Answer(201, b'{"served":1}')
    assert isinstance(outcomes[1], RequestInProgress)


@pytest.mark.django_db(transaction=True)
def test_claim_refuses_when_no_transaction_is_open() -> None:
    merchant = make_merchant("acme")

    with pytest.raises(NotInTransaction):
        claim(replay_key(merchant))

    assert not IdempotentRequest.objects.exists()


def test_answers_are_forgotten_when_they_are_older_than_thirty_days(merchant: Merchant) -> None:
    shop = Shop()
    for key in ("old", "new"):
        shop.serve(replay_key(merchant, key=key))
    for key, age in (("old", timedelta(days=30, minutes=1)), ("new", timedelta(days=29))):
        IdempotentRequest.objects.filter(key=key).update(created_at=clock.now() - age)

    assert prune_idempotent_requests() == 1

    assert IdempotentRequest.objects.get().key == "new"
    assert not shop.serve(replay_key(merchant, key="old")).is_replay


def test_all_that_is_old_is_forgotten_when_it_takes_several_batches(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "BATCH", 2)
    for number in range(5):
        Shop().serve(replay_key(merchant, key=f"old-{number}"))
    IdempotentRequest.objects.update(created_at=clock.now() - timedelta(days=31))

    assert prune_idempotent_requests() == 5

    assert not IdempotentRequest.objects.exists()
