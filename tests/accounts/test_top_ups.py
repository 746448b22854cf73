from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from accounts.errors import ReferenceConflict
from accounts.models import LedgerEntry, TopUp, Wallet
from accounts.services.top_ups import top_up
from openplatform.core.errors import FieldInvalid, NotFound
from tests.cast import Merchant

MOMENT = datetime(2026, 3, 1, 16, 30, tzinfo=UTC)  # the second of March in Shanghai


def book(amount: str = "12.50", reference: str = "bank-1", partner_code: str = "acme") -> TopUp:
    return top_up(
        partner_code=partner_code,
        amount=Decimal(amount),
        reference=reference,
        note="by transfer",
        actor="finance",
        now=MOMENT,
    )


def test_balance_rises_when_a_transfer_is_booked(merchant: Merchant) -> None:
    booked = book()

    entry = LedgerEntry.objects.get(document_no=booked.top_up_no)
    assert re.fullmatch("T260302[0-9A-HJKMNP-TV-Z]{10}", booked.top_up_no)
    assert (booked.actor, booked.note, booked.created_at) == ("finance", "by transfer", MOMENT)
    assert Wallet.objects.get(partner=merchant.partner).balance == Decimal("10012.50")
    assert (entry.entry_no, entry.kind, entry.document) == (2, "top_up", "top_up")
    assert (entry.amount, entry.balance_after) == (Decimal("12.50"), Decimal("10012.50"))
    assert (entry.note, entry.order_no) == ("by transfer", "")


def test_nothing_moves_when_the_same_transfer_is_booked_again(merchant: Merchant) -> None:
    first = book("12.50")

    second = book("12.5")

    assert second == first
    assert Wallet.objects.get(partner=merchant.partner).balance == Decimal("10012.50")
    assert LedgerEntry.objects.count() == 2


def test_refused_when_a_reference_is_booked_with_another_amount(merchant: Merchant) -> None:
    first = book("12.50")

    with pytest.raises(ReferenceConflict) as refusal:
        book("12.51")

    assert refusal.value.pointer == "/reference"
    assert refusal.value.facts == {"top_up_no": first.top_up_no}
    assert Wallet.objects.get(partner=merchant.partner).balance == Decimal("10012.50")


def test_each_partner_has_its_own_references_when_two_use_the_same(
    merchant: Merchant, stranger: Merchant
) -> None:
    first = book(partner_code="acme")

    second = book(partner_code="stranger")

    assert first.top_up_no != second.top_up_no
    assert Wallet.objects.get(partner=stranger.partner).balance == Decimal("10012.50")


@pytest.mark.parametrize(
    "amount", ["0", "-1", "0.001", "12.505", "NaN", "Infinity", "1E+12", "1E+40", "-1E+40"]
)
def test_refused_when_the_amount_is_not_one(merchant: Merchant, amount: str) -> None:
    with pytest.raises(FieldInvalid) as refusal:
        book(amount)

    assert refusal.value.pointer == "/amount"
    assert TopUp.objects.count() == 1
    assert Wallet.objects.get(partner=merchant.partner).balance == Decimal("10000.00")


def test_refused_when_there_is_no_such_partner(merchant: Merchant) -> None:
    with pytest.raises(NotFound):
        book(partner_code="nobody")

    assert TopUp.objects.count() == 1


def test_refused_when_the_balance_would_outgrow_the_wallet(merchant: Merchant) -> None:
    with pytest.raises(FieldInvalid) as refusal:
        book("999999990000.00")

    assert refusal.value.facts == {"maximum": "999999989999.99"}
    assert not TopUp.objects.filter(reference="bank-1").exists()
    assert Wallet.objects.get(partner=merchant.partner).balance == Decimal("10000.00")
    assert book("999999989999.99").amount == Decimal("999999989999.99")
