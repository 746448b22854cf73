"""Operators, merchants and warehouses who want the same claimed units at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from accounts.models import LedgerEntry, Wallet
from accounts.services.books import verify_books
from aftersales.models import ApprovalRule, Claim, RuleApproval
from aftersales.services.deciding import ApprovedLine
from aftersales.services.transitions import Actor, Side
from openplatform.approvals.models import Approval
from openplatform.approvals.services.deciding import approve as carry_out
from openplatform.core import clock
from openplatform.core.errors import DomainError, Refusal
from openplatform.core.locking import sqlstate_of
from orders.models import Order, Suborder
from tests.accounts.money_moves import make_staff
from tests.aftersales.acts import (
    claim_of,
    everything,
    file,
    file_for_return,
    line_numbers,
    paid_part,
    received_part,
    shipped_part,
)
from tests.aftersales.deciding import (  # noqa: F401 - goods is a fixture
    approve,
    ask,
    balance,
    goods,
    refunds,
    reject,
    statuses,
)
from tests.cast import Merchant, World
from tests.orders.acts import ship, stock_numbers, told
from tests.orders.changing import close, close_all, move, require_conserved, split_off
from tests.racing import race

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("goods")]

PATIENCE_SECONDS = 20
DECISIONS: list[Callable[[Any], Claim]] = [approve, approve, reject]


def refusals(results: list[Any]) -> list[str]:
    """The codes of what was refused; nothing else may have been raised."""
    errors = [result for result in results if isinstance(result, DomainError)]
    assert len(errors) == sum(isinstance(result, BaseException) for result in results), results
    return [(error.first if isinstance(error, Refusal) else error).code for error in errors]


def cancel(merchant: Merchant, claim: Any) -> int:
    """By its merchant; the status of the answer."""
    return int(merchant.api.post(f"/aftersales/{claim['aftersale_no']}/cancel").status_code)


def require_books(merchant: Merchant) -> None:
    """Books, units and messages are as they must be."""
    require_conserved()
    assert verify_books().differences == []
    versions: dict[str, list[int]] = {}
    for message in told(merchant):
        subject = message.type.partition(".")[0]
        if subject in ("aftersale", "order"):
            document = message.data[subject]
            number = document.get("aftersale_no") or document["order_no"]
            versions.setdefault(number, []).append(document["version"])
    for found in versions.values():
        assert found == sorted(set(found))


def test_refund_is_made_once_when_two_operators_approve_at_once(merchant: Merchant) -> None:
    part = paid_part(merchant, items=[("A", 4)])
    claim = file(merchant, part, {1: 4})

    results = race(*[lambda: approve(claim)] * 4)

    assert refusals(results) == ["aftersale_state_conflict"] * 3
    assert len(refunds()) == 1
    assert balance(merchant) == "10000.00"
    assert stock_numbers() == (50, 0, 0)
    require_books(merchant)


def test_claim_has_one_end_when_operators_decide_differently_at_once(merchant: Merchant) -> None:
    for number in range(3):
        part = paid_part(merchant, f"M-{number}", items=[("A", 2)])
        claim = file(merchant, part, {1: 2}, merchant_aftersale_no=f"R-{number}")

        results = race(lambda: approve(claim), lambda: reject(claim), lambda: ask(claim))  # noqa: B023 - run at once

        row = claim_of(claim)
        ended = sum(not isinstance(result, BaseException) for result in results)
        assert row.status in ("refunded", "rejected")
        assert ended in (1, 2)  # whoever asks first is passed over by a decision
        assert set(refusals(results)) <= {"aftersale_state_conflict"}
        assert LedgerEntry.objects.filter(aftersale_no=row.aftersale_no).count() == (
            row.status == "refunded"
        )
    require_books(merchant)


def test_refund_is_made_or_not_when_the_merchant_cancels_at_once(merchant: Merchant) -> None:
    for number in range(4):
        part = paid_part(merchant, f"M-{number}", items=[("A", 2)])
        claim = file(merchant, part, {1: 2}, merchant_aftersale_no=f"R-{number}")

        refund, answer = race(lambda: approve(claim), lambda: cancel(merchant, claim))  # noqa: B023 - run at once

        row = claim_of(claim)
        if isinstance(refund, DomainError):
            assert (refund.code, answer, row.status) == (
                "aftersale_state_conflict", 200, "cancelled"
            )  # fmt: skip
            assert line_numbers(part) == (0, 0, 0, 0, 0, "0.00")
        else:
            assert (answer, row.status) == (409, "refunded")
            assert line_numbers(part) == (0, 2, 2, 0, 0, "20.00")
    require_books(merchant)


def test_units_are_shipped_or_refunded_when_both_happen_at_once(merchant: Merchant) -> None:
    part = paid_part(merchant, items=[("A", 4)])
    claim = file(merchant, part, {1: 2})

    results: list[Any] = race(
        lambda: approve(claim, {1: ApprovedLine(1)}, note="One."), lambda: ship(part)
    )

    assert refusals(results) == []
    line = Suborder.objects.get().lines.get()
    # The parcel holds what was not claimed; what was not granted, too, when it leaves afterwards.
    assert (line.shipped_quantity, line.closed_quantity) in ((2, 1), (3, 1))
    assert stock_numbers()[2] == 4 - line.shipped_quantity - 1
    require_books(merchant)


@pytest.mark.parametrize(
    "change",
    [
        lambda part: close(part, {1: 2}),
        lambda part: close_all(part.removesuffix("-1")),
        lambda part: split_off(part, {1: 1}, to="north"),
        move,
    ],
    ids=["close", "close_all", "split", "move"],
)
def test_both_happen_when_a_claim_is_decided_while_its_suborder_is_changed(
    shop: World, merchant: Merchant, change: Callable[[str], object]
) -> None:
    shop.make_sku("C", price="3.33", north=50, south=50)
    for number, decide in enumerate(DECISIONS):
        part = paid_part(merchant, f"M-{number}", items=[("C", 4)])
        claim = file(merchant, part, {1: 2}, merchant_aftersale_no=f"R-{number}")

        results: list[Any] = race(lambda: decide(claim), lambda: change(part))  # noqa: B023 - run at once

        assert refusals(results) == []
        require_conserved()
    require_books(merchant)


def test_units_are_closed_or_claimed_when_both_happen_at_once(merchant: Merchant) -> None:
    for number in range(4):
        part = paid_part(merchant, f"M-{number}", items=[("A", 3)])

        results: list[Any] = race(
            lambda: close(part, {1: 2}),  # noqa: B023 - run at once
            lambda: file(merchant, part, {1: 2}, merchant_aftersale_no=f"R-{number}"),  # noqa: B023
        )

        assert len(refusals(results)) == 1
        assert set(refusals(results)) <= {"quantity_exceeds_ordered", "quantity_exceeds_claimable"}
    require_books(merchant)


def test_freight_goes_back_once_when_the_last_claims_are_approved_at_once(
    merchant: Merchant,
) -> None:
    part = paid_part(merchant, items=[("A", 3), ("B", 2)])
    claims = [
        file(merchant, part, {1: 3}),
        file(merchant, part, {2: 2}, merchant_aftersale_no="R-2"),
    ]

    results = race(*[lambda claim=claim: approve(claim) for claim in claims])

    assert refusals(results) == []
    assert statuses(part) == ("closed", "closed")
    order = Order.objects.get()
    assert order.refunded_amount == order.total_amount == Decimal("84.00")
    assert balance(merchant) == "10000.00"
    require_books(merchant)


def test_no_more_is_paid_than_was_confirmed_when_the_last_claims_are_approved_at_once(
    merchant: Merchant,
) -> None:
    part = paid_part(merchant, items=[("A", 3), ("B", 2)])
    claims = [
        file(merchant, part, {1: 3}),
        file(merchant, part, {2: 2}, merchant_aftersale_no="R-2"),
    ]
    amounts = [claim["refund_amount"] for claim in claims]
    assert amounts == ["30.00", "40.00"]  # the freight of 14.00 goes with whichever is the last

    results = race(
        *[
            lambda claim=claim, amount=amount: approve(
                claim, expected_version=0, expected_amount=amount
            )
            for claim, amount in zip(claims, amounts, strict=True)
        ]
    )

    assert refusals(results) == ["preview_outdated"]
    [(amount, *_numbers)] = refunds()
    assert amount in amounts
    kept = next(claim for claim in claims if claim_of(claim).status == "submitted")
    approve(kept, expected_version=0, expected_amount=f"{Decimal(kept['refund_amount']) + 14}")
    assert balance(merchant) == "10000.00"
    require_books(merchant)


def test_claims_across_each_other_reach_nobody_as_an_error(merchant: Merchant) -> None:
    parts = [paid_part(merchant, f"M-{n}", items=[("A", 2), ("B", 2)]) for n in range(4)]
    claims = [
        file(merchant, part, {1: 2} if n % 2 else {2: 2, 1: 1}, merchant_aftersale_no=f"R-{n}")
        for n, part in enumerate(parts)
    ]

    results: list[Any] = race(
        lambda: approve(claims[0]),
        lambda: approve(claims[1]),
        lambda: reject(claims[2]),
        lambda: close(parts[3]),
        lambda: file(merchant, parts[0], {2: 1}, merchant_aftersale_no="R-more"),
    )

    assert set(refusals(results)) <= {"quantity_exceeds_claimable"}
    require_books(merchant)


def test_return_is_approved_once_when_two_operators_approve_at_once(merchant: Merchant) -> None:
    part = shipped_part(merchant, items=[("A", 3)])
    claim = file_for_return(merchant, part, {1: 3})

    results = race(*[lambda: approve(claim, {1: ApprovedLine(2)}, note="Two of them.")] * 2)

    assert refusals(results) == ["aftersale_state_conflict"]
    assert line_numbers(part) == (3, 0, 0, 2, 0, "0.00")
    require_books(merchant)


def test_refund_is_made_once_when_second_persons_decide_at_once(
    merchant: Merchant, settings: Any
) -> None:
    settings.AFTERSALE_SECOND_PERSON_ABOVE = Decimal("10.00")
    claim = file(merchant, received_part(merchant, items=[("A", 4)]), {1: 4})
    first = make_staff("first")
    seconds = [make_staff(f"second-{number}") for number in range(3)]
    asked = race(*[lambda: approve(claim, by=Actor(Side.OPERATOR, "first"), user=first)] * 2)
    assert refusals(asked) == ["already_waiting"]
    approval = Approval.objects.get()

    results = race(
        *[
            lambda user=user: carry_out(
                approval_id=approval.pk, user=user, values={}, now=clock.now()
            )
            for user in seconds
        ]
    )

    assert refusals(results) == ["already_decided"] * 2
    assert [entry[0] for entry in refunds()] == ["40.00"]
    require_books(merchant)


def test_refund_is_made_or_not_when_the_merchant_cancels_before_the_second_person(
    merchant: Merchant, settings: Any
) -> None:
    settings.AFTERSALE_SECOND_PERSON_ABOVE = Decimal("10.00")
    claim = file(merchant, paid_part(merchant, items=[("A", 4)]), {1: 4})
    approve(claim, user=make_staff("first"))
    approval, second = Approval.objects.get(), make_staff("second")

    results = race(
        lambda: carry_out(approval_id=approval.pk, user=second, values={}, now=clock.now()),
        lambda: cancel(merchant, claim),
    )

    approval.refresh_from_db()
    ends = (claim_of(claim).status, approval.status, results[1])
    assert ends in (("refunded", "approved", 409), ("cancelled", "pending", 200))
    assert set(refusals(results)) <= {"aftersale_state_conflict"}
    require_books(merchant)


def file_all_at_once(merchant: Merchant, count: int) -> list[str]:
    """As many claims of 10.00 each, on as many orders; what became of them."""
    parts = [paid_part(merchant, f"M-{number}") for number in range(count)]
    results = race(
        *[
            lambda part=part: file(merchant, part, merchant_aftersale_no=f"R-{part}")
            for part in parts
        ]
    )
    return sorted(document["status"] for document in results)  # type: ignore[index]


def test_rule_keeps_to_its_day_when_claims_come_at_once(merchant: Merchant) -> None:
    ApprovalRule.objects.create(name="Daily", max_amount_a_day=Decimal("25.00"))

    assert file_all_at_once(merchant, 4) == ["refunded", "refunded", "submitted", "submitted"]

    assert RuleApproval.objects.count() == len(refunds()) == 2
    require_books(merchant)


@pytest.mark.parametrize(
    "act",
    [
        lambda claim, _now: approve(claim),
        lambda claim, _now: approve(claim, {1: ApprovedLine(1)}, note="One."),
    ],
)
def test_nothing_is_changed_when_the_connection_breaks_before_the_refund_is_booked(
    merchant: Merchant, act: Callable[[Any, datetime], object]
) -> None:
    """The wallet is the last to be locked: all the rest is written by then."""
    claim = file(merchant, paid_part(merchant, items=[("A", 2)]), {1: 2})
    before = everything()
    raised: list[OperationalError] = []

    def run() -> None:
        try:
            act(claim, clock.now())
        except OperationalError as error:
            raised.append(error)
        finally:
            connection.close()

    with transaction.atomic():
        Wallet.objects.select_for_update().get()
        worker = Thread(target=run)
        worker.start()
        _end_whoever_waits()
        worker.join(PATIENCE_SECONDS)

    assert [sqlstate_of(error) for error in raised] == ["57P01"]  # ended by an administrator
    assert everything() == before
    approve(claim)
    assert Claim.objects.get().status == "refunded"
    require_books(merchant)


def _end_whoever_waits() -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
                " AND query LIKE '%accounts_wallet%'"
            )
            if cursor.rowcount:
                return
        time.sleep(0.01)
    raise AssertionError("nobody came to wait for the wallet")
