"""Claims that are filed at once, and what else happens to their orders meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Event, Thread, get_ident
from typing import Any

import pytest
from django.db import IntegrityError, connection

from accounts.services.books import verify_books
from aftersales.filing_checks import check_claim
from aftersales.models import Claim, ClaimEvent, ClaimLine, ClaimPicture
from aftersales.services import filing
from aftersales.services.cancelling import cancel_claim
from openplatform.core import clock
from openplatform.core.errors import DomainError, Refusal
from openplatform.core.wakeups import wake
from orders.models import OrderLine
from tests.aftersales.acts import (
    Document,
    add_picture,
    file,
    line_numbers,
    make_reasons,
    paid_part,
)
from tests.cast import Merchant, World
from tests.orders.acts import ship, told
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_SECONDS = 20
UNLOCKED = "SELECT 1 WHERE %s IS NOT NULL"
ORDER_UNLOCKED = "SELECT 1 WHERE %(order_no)s <> '' AND %(partner_id)s > 0"


@pytest.fixture
def stage(shop: World, merchant: Merchant) -> World:
    """Goods and reasons."""
    shop.make_sku("A", price="10.00", north=50)
    make_reasons()
    return shop


def refusals(results: list[Any]) -> list[str]:
    """The codes of what was refused; nothing else may have been raised."""
    errors = [result for result in results if isinstance(result, DomainError)]
    assert len(errors) == sum(isinstance(result, BaseException) for result in results), results
    return [(error.first if isinstance(error, Refusal) else error).code for error in errors]


def filings(merchant: Merchant, suborder_no: str, count: int) -> list[Callable[[], Document]]:
    """Claims on two units each, under numbers of their own."""
    return [
        lambda number=number: file(  # type: ignore[misc] # a default binds it
            merchant, suborder_no, {1: 2}, merchant_aftersale_no=f"R-{number}"
        )
        for number in range(count)
    ]


def require_counted() -> None:
    """What lines hold is what open claims say."""
    for line in OrderLine.objects.all():
        rows = ClaimLine.objects.filter(line=line, claim__ended_at=None)
        assert line.claimed_quantity == sum(row.quantity for row in rows)
        assert line.stopped_quantity == sum(row.unshipped_quantity for row in rows)


def test_units_are_claimed_once_when_many_claim_them_at_once(
    stage: World, merchant: Merchant
) -> None:
    suborder_no = paid_part(merchant, items=[("A", 5)])

    results = race(*filings(merchant, suborder_no, 6))

    assert refusals(results) == ["quantity_exceeds_claimable"] * 4
    assert line_numbers(suborder_no) == (0, 0, 0, 4, 4, "0.00")
    assert Claim.objects.count() == ClaimEvent.objects.count() == 2
    require_counted()


def test_only_the_table_refuses_units_claimed_twice_when_nothing_is_locked(
    stage: World, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    suborder_no = paid_part(merchant, items=[("A", 3)])
    file(merchant, suborder_no, merchant_aftersale_no="R-first")
    monkeypatch.setattr(filing, "LOCK_FIRST", UNLOCKED)
    monkeypatch.setattr(filing, "LOCK_ORDER", ORDER_UNLOCKED)
    have_looked, check = Barrier(2), check_claim

    def check_together(*args: Any, **kwargs: Any) -> Any:
        found = check(*args, **kwargs)
        have_looked.wait(timeout=PATIENCE_SECONDS)
        return found

    monkeypatch.setattr(filing, "check_claim", check_together)

    results = race(*filings(merchant, suborder_no, 2))

    assert sum(isinstance(result, IntegrityError) for result in results) == 1


def test_number_stands_for_one_claim_when_it_is_sent_many_times_at_once(
    stage: World, merchant: Merchant
) -> None:
    suborder_no = paid_part(merchant, items=[("A", 5)])

    results = race(*[lambda: file(merchant, suborder_no, {1: 2})] * 6)

    assert refusals(results) == []
    assert {result["aftersale_no"] for result in results if isinstance(result, dict)} == {
        Claim.objects.get().aftersale_no
    }
    assert line_numbers(suborder_no)[3:5] == (2, 2)
    assert [message.type for message in told(merchant)].count("aftersale.status_changed") == 1


def test_number_stands_for_one_claim_when_it_is_used_for_two_orders_at_once(
    stage: World, merchant: Merchant
) -> None:
    parts = [paid_part(merchant, number) for number in ("M-1", "M-2")]

    results = race(*[lambda part=part: file(merchant, part) for part in parts])

    assert refusals(results) == ["merchant_aftersale_no_conflict"]
    assert Claim.objects.count() == 1
    require_counted()


def test_units_are_shipped_or_stopped_when_both_come_at_once(
    stage: World, merchant: Merchant
) -> None:
    for number in range(4):
        suborder_no = paid_part(merchant, f"M-{number}", [("A", 2)])
        calls: list[Callable[[], Any]] = [
            lambda part=suborder_no, number=number: file(  # type: ignore[misc]
                merchant, part, {1: 2}, merchant_aftersale_no=f"R-{number}"
            ),
            lambda part=suborder_no, number=number: ship(part, waybill_no=f"SF-{number}"),  # type: ignore[misc]
        ]

        results = race(*calls)

        shipped, _closed, _refunded, claimed, stopped, _amount = line_numbers(suborder_no)
        assert claimed == 2
        assert (shipped, stopped) in ((2, 0), (0, 2))
        assert len(refusals(results)) == (0 if shipped else 1)
    require_counted()
    assert verify_books().differences == []


def test_picture_is_of_one_claim_when_two_name_it_at_once(stage: World, merchant: Merchant) -> None:
    parts = [paid_part(merchant, number) for number in ("M-1", "M-2")]
    picture = add_picture(merchant)

    results = race(
        *[
            lambda part=part: file(
                merchant, part, pictures=[picture], merchant_aftersale_no=f"R-{part}"
            )
            for part in parts
        ]
    )

    assert refusals(results) == ["not_found"]
    assert ClaimPicture.objects.get().claim == Claim.objects.get()


def test_claim_is_cancelled_once_when_it_is_cancelled_twice_at_once(
    stage: World, merchant: Merchant
) -> None:
    suborder_no = paid_part(merchant)
    aftersale_no = file(merchant, suborder_no, {1: 2})["aftersale_no"]

    def cancel() -> bool:
        return cancel_claim(
            partner_id=merchant.partner.pk, aftersale_no=aftersale_no, actor="test",
            now=clock.now(),
        ).is_replay  # fmt: skip

    results = race(cancel, cancel)

    assert sorted(map(str, results)) == ["False", "True"]
    assert line_numbers(suborder_no)[3:5] == (0, 0)
    assert ClaimEvent.objects.filter(to_status="cancelled").count() == 1


def test_later_claim_waits_for_the_one_before_so_that_no_list_skips_it(
    stage: World, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    file(merchant, paid_part(merchant, "M-0"), merchant_aftersale_no="R-0")
    first, second = paid_part(merchant, "M-1"), paid_part(merchant, "M-2")
    is_written, may_commit = Event(), Event()
    slow: list[int] = []

    def wake_slowly(channel: Any) -> None:
        wake(channel)
        if get_ident() in slow:
            is_written.set()
            assert may_commit.wait(PATIENCE_SECONDS)

    def run(part: str, number: str, *, is_slow: bool) -> None:
        if is_slow:
            slow.append(get_ident())
        try:
            file(merchant, part, merchant_aftersale_no=number)
        finally:
            connection.close()

    monkeypatch.setattr(filing, "wake", wake_slowly)
    early = Thread(target=run, args=(first, "R-1"), kwargs={"is_slow": True})
    late = Thread(target=run, args=(second, "R-2"), kwargs={"is_slow": False})

    early.start()
    assert is_written.wait(PATIENCE_SECONDS)
    late.start()
    late.join(0.5)
    page = merchant.api.get("/aftersales").json()["results"]
    may_commit.set()
    early.join(PATIENCE_SECONDS)
    late.join(PATIENCE_SECONDS)

    assert [claim["merchant_aftersale_no"] for claim in page] == ["R-0"]
    page = merchant.api.get("/aftersales").json()["results"]
    assert [claim["merchant_aftersale_no"] for claim in page] == ["R-2", "R-1", "R-0"]


def test_first_claims_of_a_merchant_come_one_after_the_other(
    stage: World, merchant: Merchant
) -> None:
    parts = [paid_part(merchant, f"M-{number}") for number in range(5)]

    results = race(
        *[
            lambda part=part: file(merchant, part, merchant_aftersale_no=f"R-{part}")
            for part in parts
        ]
    )

    assert refusals(results) == []
    by_number = list(Claim.objects.order_by("id").values_list("id", "created_at"))
    assert [at for _id, at in by_number] == sorted(at for _id, at in by_number)
    assert len(by_number) == 5
