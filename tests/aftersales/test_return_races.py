"""Several act on the goods of one claim at the same moment: one outcome, exact books."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.models import LedgerEntry, Partner
from accounts.services.books import verify_books
from aftersales.errors import AftersaleStateConflict
from aftersales.models import ClaimParcel
from aftersales.services.cancelling import cancel_claim
from aftersales.services.deadlines import (
    end_claim_past_deadline,
    remind_of_claim,
)
from aftersales.services.deciding import approve_claim
from aftersales.services.parcels import renumber_parcel
from aftersales.services.transitions import lock_claim
from openplatform.connectors.models import TrackedParcel
from openplatform.connectors.parcels import ParcelStatus
from openplatform.core import clock
from openplatform.core.errors import Refusal
from openplatform.messaging.models import Mail
from orders.models import OrderLine, Shipment
from orders.services.parcel_following import follow_changed_parcels
from tests.aftersales.acts import OPERATOR, claim_of, file_for_return, line_numbers
from tests.aftersales.returning import (
    awaited,
    come_to_deadline,
    document_of,
    good,
    goods_to_return,
    inspect,
    receive,
    received,
    report,
)
from tests.cast import Merchant, World, make_merchant
from tests.orders.acts import stock_numbers
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)

WAITING = "SELECT FROM pg_locks WHERE NOT granted"


@pytest.fixture
def acme() -> Merchant:
    """A merchant with goods to return."""
    merchant = make_merchant("acme")
    world = World()
    world.open_pool_to(merchant)
    goods_to_return(world)
    return merchant


def outcomes(results: list[Any]) -> list[str]:
    """The codes of refusals, and ``done``; sorted."""
    return sorted(
        result.code if isinstance(result, AftersaleStateConflict) else "done"
        for result in results
        if isinstance(result, AftersaleStateConflict) or not isinstance(result, BaseException)
    )


def require_sound() -> None:
    assert verify_books().differences == []
    lines = OrderLine.objects.values_list("claimed_quantity", "stopped_quantity")
    assert set(lines) == {(0, 0)}


def test_one_refund_when_two_inspect_at_once(acme: Merchant) -> None:
    aftersale_no = received(acme)

    results = race(*[lambda: inspect(aftersale_no, {1: good(2)})] * 3)

    assert outcomes(results) == ["aftersale_state_conflict"] * 2 + ["done"]
    assert LedgerEntry.objects.get(document="aftersale").amount == Decimal("20.00")
    assert stock_numbers() == (10, 0, 0)
    assert line_numbers(claim_of(aftersale_no).suborder.order_no) == (2, 0, 2, 0, 0, "20.00")
    require_sound()


def test_two_claims_on_one_order_are_both_refunded_when_inspected_at_once(
    acme: Merchant,
) -> None:
    first = awaited(acme, items={"A": 2}, quantities={1: 1})
    receive(first)
    second = file_for_return(
        acme, claim_of(first).suborder.order_no, {1: 1}, merchant_aftersale_no="R-2"
    )["aftersale_no"]
    approve_claim(
        aftersale_no=second,
        lines=None,
        freight_amount=None,
        note="",
        by=OPERATOR,
        user=None,
        now=clock.now(),
    )
    receive(second)

    results: list[Any] = race(
        lambda: inspect(first, {1: good(1)}, freight_amount=Decimal("8.00")),
        lambda: inspect(second, {1: good(1)}, freight_amount=Decimal("8.00")),
    )

    # Freight of 10.00 was paid: it goes back once, in part.
    [refusal] = [result for result in results if isinstance(result, Refusal)]
    assert [fault.code for fault in refusal.faults] == ["refund_exceeds_paid"]
    [still] = [no for no in (first, second) if claim_of(no).status == "return_received"]
    inspect(still, {1: good(1)})
    assert claim_of(first).order.status == "closed"
    assert stock_numbers() == (10, 0, 0)
    require_sound()


def test_one_receipt_when_two_receive_and_the_merchant_tells_of_a_parcel(acme: Merchant) -> None:
    aftersale_no = awaited(acme)

    results: list[Any] = race(
        lambda: receive(aftersale_no),
        lambda: receive(aftersale_no),
        lambda: report(acme, aftersale_no),
    )

    assert claim_of(aftersale_no).status == "return_received"
    assert outcomes(results[:2]) == ["aftersale_state_conflict", "done"]
    told_first = not isinstance(results[2], BaseException)
    assert ClaimParcel.objects.count() == (1 if told_first else 0)
    assert verify_books().differences == []


def test_one_parcel_when_it_is_told_several_times_at_once(acme: Merchant) -> None:
    aftersale_no = awaited(acme)

    results: list[Any] = race(*[lambda: report(acme, aftersale_no)] * 4)

    assert sorted(answer.is_replay for answer in results) == [False, True, True, True]
    assert ClaimParcel.objects.count() == 1
    assert {document_of(answer)["version"] for answer in results} == {
        claim_of(aftersale_no).version
    }


def test_goods_are_sent_back_or_the_claim_ends_but_not_both(acme: Merchant) -> None:
    for number in range(4):
        aftersale_no = awaited(acme, number=str(number))
        come_to_deadline(aftersale_no)

        results: list[Any] = race(
            partial(report, acme, aftersale_no, f"BACK-{number}"),
            partial(end_claim_past_deadline, aftersale_no=aftersale_no, now=clock.now()),
            partial(
                cancel_claim,
                partner_id=acme.partner.pk,
                aftersale_no=aftersale_no,
                actor="key:test",
                now=clock.now(),
            ),
        )

        claim = claim_of(aftersale_no)
        reported, ended, cancelled = results
        has_happened = (
            not isinstance(reported, BaseException),
            ended is True,
            not isinstance(cancelled, BaseException),
        )
        assert has_happened == (
            claim.status == "return_shipped",
            claim.status == "expired",
            claim.status == "cancelled",
        )
        claimed = 2 if claim.status == "return_shipped" else 0
        assert line_numbers(claim.suborder.order_no) == (2, 0, 0, claimed, 0, "0.00")
    assert verify_books().differences == []


def test_one_reminder_when_several_workers_remind(acme: Merchant) -> None:
    Partner.objects.update(email="office@acme.example")
    aftersale_no = awaited(acme)
    come_to_deadline(aftersale_no, hours_left=1)

    results = race(*[lambda: remind_of_claim(aftersale_no=aftersale_no, now=clock.now())] * 3)

    assert sorted(map(bool, results)) == [False, False, True]
    assert Mail.objects.filter(topic="claim_due").count() == 1
    assert claim_of(aftersale_no).notes.count() == 1


def test_nobody_deadlocks_when_a_parcel_of_order_and_claim_moves_while_it_is_inspected(
    acme: Merchant,
) -> None:
    aftersale_no = awaited(acme)
    report(acme, aftersale_no)
    Shipment.objects.update(waybill_no="BACK-1")  # corrected since, and is the same parcel
    receive(aftersale_no)
    TrackedParcel.objects.update(status=ParcelStatus.RETURNED, follow_at=clock.now(), version=9)

    results: list[Any] = race(
        lambda: inspect(aftersale_no, {1: good(2)}), follow_changed_parcels, follow_changed_parcels
    )

    assert not [result for result in results if isinstance(result, BaseException)]
    assert claim_of(aftersale_no).status == "refunded"
    require_sound()


def test_parcel_keeps_its_new_number_apart_when_the_old_one_moves_while_it_is_corrected(
    acme: Merchant,
) -> None:
    aftersale_no = awaited(acme)
    report(acme, aftersale_no, "WRONG-1")
    TrackedParcel.objects.filter(waybill_no="WRONG-1").update(
        status=ParcelStatus.DELIVERED, follow_at=clock.now(), version=9
    )
    wrong = ClaimParcel.objects.select_related("carrier").get()

    with ThreadPoolExecutor() as pool:
        with transaction.atomic():
            lock_claim(aftersale_no=aftersale_no)
            following = pool.submit(_follow_elsewhere)
            wait_until_something_waits()
            renumber_parcel(
                wrong,
                carrier=wrong.carrier,
                waybill_no="RIGHT-1",
                shipped_at=clock.now(),
                actor="key:test",
            )
        following.result(60)

    parcel = ClaimParcel.objects.get()
    assert (parcel.waybill_no, parcel.status, parcel.delivered_at) == ("RIGHT-1", "pending", None)


def _follow_elsewhere() -> int:
    try:
        return follow_changed_parcels()
    finally:
        connection.close()


def wait_until_something_waits() -> None:
    """Until another connection waits for a lock of this one."""
    until = time.monotonic() + 1.8  # they wait for two seconds
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute(WAITING)
            if cursor.fetchone() is not None:
                return
        time.sleep(0.01)
    pytest.fail("nothing waits")
