from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from accounts.models import CreditLimitChange, HoldEntry, LedgerEntry, Wallet
from accounts.services.wallet import book, refusal_of_hold, send_release
from openplatform.core import clock
from openplatform.core.locking import NotInTransaction
from tests.accounts.money_moves import hold, pay, release
from tests.cast import Merchant, make_merchant

Move = Callable[[int, str, str], object]


@pytest.fixture
def payer(db: None) -> Merchant:
    """A merchant with 100.00 and a credit line of 50.00."""
    return make_merchant("payer", balance="100.00", credit_limit="50.00")


def money_of(merchant: Merchant) -> tuple[str, str, str]:
    """Balance, what is held, what is available."""
    wallet = Wallet.objects.get(partner=merchant.partner)
    return str(wallet.balance), str(wallet.held_amount), str(wallet.available_amount)


def holds_of(merchant: Merchant) -> list[tuple[int, str, str, str, str]]:
    return [
        (row.hold_no, row.kind, str(row.amount), str(row.held_after), row.order_no)
        for row in HoldEntry.objects.filter(partner=merchant.partner)
    ]


def test_amount_is_set_aside_when_it_is_available(payer: Merchant) -> None:
    assert hold(payer.partner.pk, "S-1", "30.10")

    assert money_of(payer) == ("100.00", "30.10", "119.90")
    assert holds_of(payer) == [(1, "held", "30.10", "30.10", "S-1")]
    assert LedgerEntry.objects.count() == 1


def test_everything_is_given_back_when_a_hold_is_released(payer: Merchant) -> None:
    hold(payer.partner.pk, "S-1", "30.10")

    release(payer.partner.pk, "S-1", "30.10")

    assert money_of(payer) == ("100.00", "0.00", "150.00")
    assert holds_of(payer)[1:] == [(2, "released", "-30.10", "0.00", "S-1")]
    assert LedgerEntry.objects.count() == 1


def test_hold_becomes_a_payment_when_the_order_is_paid(payer: Merchant) -> None:
    hold(payer.partner.pk, "S-1", "30.10")
    hold(payer.partner.pk, "S-2", "5.00")

    pay(payer.partner.pk, "S-1", "30.10")

    entry = LedgerEntry.objects.get(kind="order_payment")
    assert money_of(payer) == ("69.90", "5.00", "114.90")
    assert holds_of(payer)[2:] == [(3, "paid", "-30.10", "5.00", "S-1")]
    assert (entry.entry_no, str(entry.amount), str(entry.balance_after)) == (2, "-30.10", "69.90")
    assert (entry.document, entry.document_no, entry.order_no) == ("order", "S-1", "S-1")


def test_times_do_not_go_back_when_the_clock_does(payer: Merchant) -> None:
    ahead = clock.now() + timedelta(hours=1)
    Wallet.objects.update(last_hold_at=ahead, last_entry_at=ahead)

    hold(payer.partner.pk, "S-1", "1.00")
    hold(payer.partner.pk, "S-2", "1.00")
    release(payer.partner.pk, "S-1", "1.00")
    pay(payer.partner.pk, "S-2", "1.00")

    assert set(HoldEntry.objects.values_list("created_at", flat=True)) == {ahead}
    assert LedgerEntry.objects.get(kind="order_payment").created_at == ahead


def test_balance_goes_below_zero_when_the_credit_line_pays(payer: Merchant) -> None:
    hold(payer.partner.pk, "S-1", "150.00")

    pay(payer.partner.pk, "S-1", "150.00")

    assert money_of(payer) == ("-50.00", "0.00", "0.00")


def test_held_order_is_paid_when_the_credit_line_was_cut_since(payer: Merchant) -> None:
    hold(payer.partner.pk, "S-1", "150.00")
    Wallet.objects.update(credit_limit=0)

    pay(payer.partner.pk, "S-1", "150.00")

    assert money_of(payer) == ("-50.00", "0.00", "-50.00")


def test_nothing_is_held_when_the_balance_is_short_by_a_cent(payer: Merchant) -> None:
    assert not hold(payer.partner.pk, "S-1", "150.01")

    refusal = refusal_of_hold(partner_id=payer.partner.pk, amount=Decimal("150.01"))
    assert money_of(payer) == ("100.00", "0.00", "150.00")
    assert holds_of(payer) == []
    assert refusal.facts == {"balance_missing": "0.01", "total_amount": "150.01"}
    assert (refusal.code, refusal.status) == ("balance_insufficient", 402)


def test_a_cent_is_named_missing_when_the_balance_has_come_in_since(payer: Merchant) -> None:
    refusal = refusal_of_hold(partner_id=payer.partner.pk, amount=Decimal("1.00"))

    assert refusal.facts["balance_missing"] == "0.01"


def test_refused_when_an_order_is_held_twice(payer: Merchant) -> None:
    hold(payer.partner.pk, "S-1", "10.00")

    with pytest.raises(IntegrityError, match="hold_entry_held_once_and_ended_once"):
        hold(payer.partner.pk, "S-1", "10.00")

    assert money_of(payer) == ("100.00", "10.00", "140.00")


@pytest.mark.parametrize("first", [release, pay])
@pytest.mark.parametrize("second", [release, pay])
def test_refused_when_a_hold_ends_twice(payer: Merchant, first: Move, second: Move) -> None:
    hold(payer.partner.pk, "S-1", "10.00")
    hold(payer.partner.pk, "S-2", "10.00")
    first(payer.partner.pk, "S-1", "10.00")
    before = money_of(payer)

    with pytest.raises(IntegrityError, match=r"_ended_once|ledger_entry_unique_per_document"):
        second(payer.partner.pk, "S-1", "10.00")

    assert money_of(payer) == before


@pytest.mark.parametrize("end", [release, pay])
def test_refused_when_more_ends_than_is_held(payer: Merchant, end: Move) -> None:
    hold(payer.partner.pk, "S-1", "10.00")

    with pytest.raises(IntegrityError, match="wallet_held_amount_not_negative"):
        end(payer.partner.pk, "S-1", "10.01")

    assert money_of(payer) == ("100.00", "10.00", "140.00")


@pytest.mark.parametrize("amount", ["0", "0.00", "-1.00"])
def test_step_refuses_when_there_is_nothing_to_move(payer: Merchant, amount: str) -> None:
    with pytest.raises(ValueError, match="is not an amount to move"):
        release(payer.partner.pk, "S-1", amount)

    assert money_of(payer) == ("100.00", "0.00", "150.00")


def test_document_is_booked_once_when_it_is_credited_twice(payer: Merchant) -> None:
    entry = LedgerEntry.objects.get()

    with (
        pytest.raises(IntegrityError, match="ledger_entry_unique_per_document"),
        transaction.atomic(),
    ):
        book(
            partner_id=payer.partner.pk,
            kind=LedgerEntry.Kind.TOP_UP,
            amount=Decimal("100.00"),
            document=LedgerEntry.Document.TOP_UP,
            document_no=entry.document_no,
            note="",
            actor="test",
        )

    assert money_of(payer) == ("100.00", "0.00", "150.00")


def test_failure_is_loud_when_there_is_no_wallet(db: None) -> None:
    with pytest.raises(Wallet.DoesNotExist), transaction.atomic():
        book(
            partner_id=-1,
            kind=LedgerEntry.Kind.TOP_UP,
            amount=Decimal("1.00"),
            document=LedgerEntry.Document.TOP_UP,
            document_no="T-1",
            note="",
            actor="test",
        )

    assert not LedgerEntry.objects.exists()


def test_credit_line_stands_in_its_history_when_a_wallet_is_opened(payer: Merchant) -> None:
    change = CreditLimitChange.objects.get(partner=payer.partner)

    assert (str(change.limit_before), str(change.limit_after)) == ("0.00", "50.00")
    assert (change.reason, change.actor) == ("opened", "test")


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"held_amount": "-0.01"}, "wallet_held_amount_not_negative"),
        ({"credit_limit": "-0.01"}, "wallet_credit_limit_not_negative"),
        ({"alert_threshold": "-0.01"}, "wallet_alert_threshold_not_negative"),
    ],
)
def test_constraint_refuses_when_a_wallet_column_goes_below_zero(
    payer: Merchant, fields: dict[str, str], constraint: str
) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Wallet.objects.update(**fields)

    assert money_of(payer) == ("100.00", "0.00", "150.00")


@pytest.mark.parametrize(
    ("kind", "amount"),
    [
        ("top_up", "-1.00"),
        ("top_up", "0.00"),
        ("refund", "-1.00"),
        ("order_payment", "1.00"),
        ("withdrawal", "1.00"),
        ("adjustment", "0.00"),
    ],
)
def test_constraint_refuses_when_an_entry_has_the_wrong_sign(
    payer: Merchant, kind: str, amount: str
) -> None:
    first = LedgerEntry.objects.get()

    with (
        pytest.raises(IntegrityError, match="ledger_entry_amount_has_the_sign_of_its_kind"),
        transaction.atomic(),
    ):
        LedgerEntry.objects.create(
            partner=payer.partner,
            entry_no=2,
            kind=kind,
            amount=Decimal(amount),
            balance_after=Decimal(0),
            document="order",
            document_no="S-1",
            created_at=first.created_at,
        )

    assert LedgerEntry.objects.get() == first


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"entry_no": 1}, "ledger_entry_no_unique_per_partner"),
        ({"hold_no": 1}, "hold_entry_no_unique_per_partner"),
        ({"hold_no": 2, "amount": "-1.00"}, "hold_entry_amount_has_the_sign_of_its_kind"),
        ({"hold_no": 2, "held_after": "-1.00"}, "hold_entry_held_after_not_negative"),
    ],
)
def test_constraint_refuses_when_a_row_breaks_its_rule(
    payer: Merchant, fields: dict[str, object], constraint: str
) -> None:
    hold(payer.partner.pk, "S-1", "1.00")
    source: type[LedgerEntry | HoldEntry] = LedgerEntry if "entry_no" in fields else HoldEntry
    stored = source.objects.values().get(partner=payer.partner)
    row = {name: value for name, value in stored.items() if name != "id"}
    number = {"document_no": "T-2"} if source is LedgerEntry else {"order_no": "S-2"}

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        source.objects.create(**{**row, **number, **fields})

    assert (LedgerEntry.objects.count(), HoldEntry.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_step_refuses_when_no_transaction_is_open() -> None:
    merchant = make_merchant("payer")

    with pytest.raises(NotInTransaction):
        send_release(partner_id=merchant.partner.pk, order_no="S-1", amount=Decimal("1.00"))

    assert holds_of(merchant) == []
