"""Exactly as many requests pass as are agreed, from however many threads and processes at once."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from threading import Barrier

import pytest
from django.db import connection
from django.test import Client

from accounts.models import ApiKey
from openplatform.core.statements import send
from openplatform.limits.buckets import Limit, policy_of
from openplatform.limits.models import Bucket
from openplatform.limits.services.charging import (
    ADD,
    Charged,
    add,
    charge,
    empty,
    give_back,
    read_used_us,
)
from openplatform.limits.services.charging import pour as pour_one
from openplatform.limits.services.sweeping import sweep_buckets
from tests.cast import Merchant
from tests.racing import race

UNIT_US = 2_000_000  # of thirty a minute


def limit(bucket: str, per_minute: int = 30) -> Limit:
    return Limit(policy_of(bucket.partition(":")[0], per_minute), bucket)


def pour(key: str = "key:1", partner: str = "partner:1", *, of_partner: int = 1000) -> Charged:
    return charge(key=limit(key), partner=limit(partner, of_partner), missing=None)


@pytest.mark.django_db
def test_buckets_fill_by_one_unit_when_a_request_is_charged() -> None:
    first = pour()
    second = charge(
        key=limit("key:1"), partner=limit("partner:1", 1000), missing=limit("missing:1")
    )

    assert first.key_us is not None
    assert UNIT_US - 500_000 < first.key_us <= UNIT_US
    assert second.key_us is not None
    assert 2 * UNIT_US - 500_000 < second.key_us <= 2 * UNIT_US
    assert second.missing_us is None
    assert set(Bucket.objects.values_list("name", flat=True)) == {"key:1", "partner:1"}


@pytest.mark.django_db
def test_partner_is_not_charged_when_its_key_is_refused() -> None:
    for _ in range(30):
        assert pour().partner_us is not None
    rows = list(Bucket.objects.order_by("name").values())

    assert pour() == (None, None, None)

    assert list(Bucket.objects.order_by("name").values()) == rows


@pytest.mark.django_db
def test_request_fits_when_a_unit_has_leaked_out() -> None:
    for _ in range(31):
        pour()
    wait_us = policy_of("key", 30).wait_us(read_used_us(limit=limit("key:1")))
    assert UNIT_US - 500_000 < wait_us <= UNIT_US
    assert pour().key_us is None

    send(
        "UPDATE limits_bucket SET empty_at = empty_at - make_interval(secs => %s)"
        " WHERE name = 'key:1' RETURNING name",
        [wait_us / 1_000_000],
    )

    assert pour().key_us is not None
    assert pour().key_us is None


@pytest.mark.django_db
def test_bucket_runs_over_when_units_are_added() -> None:
    for _ in range(33):
        add(limit=limit("missing:1"))

    used_us = read_used_us(limit=limit("missing:1"))
    assert 33 * UNIT_US - 500_000 < used_us <= 33 * UNIT_US


@pytest.mark.django_db
def test_one_bucket_takes_what_fits_when_units_are_poured() -> None:
    one = limit("sign_in:1", 3)

    assert [pour_one(limit=one) for _ in range(5)] == [True, True, True, False, False]
    give_back(limit=one)
    assert [pour_one(limit=one) for _ in range(2)] == [True, False]
    empty(limit=one)
    assert read_used_us(limit=one) == 0
    assert pour_one(limit=one)


@pytest.mark.django_db(transaction=True)
def test_one_bucket_takes_exactly_what_fits_when_threads_race() -> None:
    one = limit("sign_in:1", 10)

    def five() -> int:
        return sum(pour_one(limit=one) for _ in range(5))

    assert sum(race(*[five] * 10)) == 10  # type: ignore[arg-type]


@pytest.mark.django_db
def test_bucket_is_empty_when_there_is_none() -> None:
    assert read_used_us(limit=limit("missing:1")) == 0


@pytest.mark.django_db(transaction=True)
def test_too_many_pass_when_reading_and_writing_are_two_statements() -> None:
    both_have_read = Barrier(2)

    def careless() -> bool:
        room_us = policy_of("key", 1).room_us
        fits = read_used_us(limit=limit("key:1", 1)) <= room_us
        both_have_read.wait(timeout=10)
        send(ADD, {"bucket": "key:1", "unit": 60.0})
        return fits

    assert race(careless, careless) == [True, True]


@pytest.mark.django_db(transaction=True)
def test_exactly_the_agreed_number_passes_when_threads_race() -> None:
    def ten() -> int:
        return sum(pour().key_us is not None for _ in range(10))

    passed = race(*[ten] * 10)

    assert sum(passed) == 30  # type: ignore[arg-type]
    used_us = read_used_us(limit=limit("key:1"))
    assert 30 * UNIT_US - 2_000_000 < used_us <= 30 * UNIT_US


@pytest.mark.django_db(transaction=True)
def test_partners_number_is_exact_when_its_keys_race() -> None:
    def ten_of(key: int) -> int:
        return sum(pour(f"key:{key}", of_partner=30).partner_us is not None for _ in range(10))

    passed = race(*[lambda key=key: ten_of(key) for key in range(10)])

    assert sum(passed) == 30  # type: ignore[arg-type]


@pytest.mark.django_db(transaction=True)
def test_exactly_the_agreed_number_passes_when_processes_race(merchant: Merchant) -> None:
    ApiKey.objects.update(requests_per_minute=30)
    connection.close()  # each process makes its own
    forking = multiprocessing.get_context("fork")
    gate, answered = forking.Barrier(4), forking.SimpleQueue()

    def fire() -> None:
        gate.wait(timeout=30)
        client = Client()
        answered.put(
            Counter(
                client.get("/api/v1/key", headers=merchant.api.headers).status_code
                for _ in range(25)
            )
        )
        connection.close()

    started = time.monotonic()
    processes = [forking.Process(target=fire) for _ in range(4)]
    for process in processes:
        process.start()
    statuses: Counter[int] = sum((answered.get() for _ in processes), Counter())
    for process in processes:
        process.join(30)

    leaked = int((time.monotonic() - started) * 1_000_000) // UNIT_US
    assert statuses.total() == 100
    assert 30 <= statuses[200] <= 30 + leaked
    assert statuses[429] == 100 - statuses[200]


@pytest.mark.django_db
def test_only_what_was_long_empty_goes_when_buckets_are_swept() -> None:
    send(
        "INSERT INTO limits_bucket (name, empty_at) VALUES"
        " ('key:1', clock_timestamp() - interval '61 minutes'),"
        " ('key:2', clock_timestamp() - interval '59 minutes'),"
        " ('key:3', clock_timestamp() + interval '59 seconds') RETURNING name"
    )

    assert sweep_buckets() == 1

    assert set(Bucket.objects.values_list("name", flat=True)) == {"key:2", "key:3"}


@pytest.mark.django_db(transaction=True)
def test_sweep_does_not_wait_when_a_request_holds_a_bucket() -> None:
    Bucket.objects.create(name="key:1", empty_at="2026-01-01T00:00:00Z")
    Bucket.objects.create(name="key:2", empty_at="2026-01-01T00:00:00Z")
    request = connection.copy()
    try:
        request.set_autocommit(False)
        with request.cursor() as cursor:
            cursor.execute("SELECT FROM limits_bucket WHERE name = 'key:1' FOR UPDATE")

        assert sweep_buckets() == 1

        request.rollback()
    finally:
        request.close()
    assert list(Bucket.objects.values_list("name", flat=True)) == ["key:1"]
