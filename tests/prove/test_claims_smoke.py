"""What the proof of claims is played on agrees with the books, and its pages open."""

from __future__ import annotations

import pytest
from django.db.models import Count

from accounts.services.books import verify_books
from aftersales.models import Claim, ClaimLine
from aftersales.states import OPEN, ClaimStatus
from openplatform.messaging.models import Outbox
from orders.models import OrderLine
from tests.bench.history import add_history
from tests.cast import Merchant, World, make_merchant
from tests.prove.claim_history import add_claims

pytestmark = pytest.mark.django_db(transaction=True)  # books are looked at in one of their own

CLAIMS = 700


@pytest.fixture
def claims(transactional_db: None) -> Merchant:
    """Two merchants with orders of the past, and claims on most of them."""
    world, merchant = World(), make_merchant("acme", balance="900000.00")
    world.open_pool_to(merchant)
    for number in range(3):
        world.make_sku(f"SKU-{number}", price="10.00", north=1000)
    other = make_merchant("other", balance="900000.00")
    add_history(orders=CLAIMS * 11 // 10, partner_ids=[merchant.partner.pk, other.partner.pk])
    add_claims(CLAIMS)
    return merchant


def test_books_agree_when_claims_of_the_past_were_made_in_bulk(claims):
    states = dict(Claim.objects.values_list("status").annotate(Count("pk")))
    assert sum(states.values()) == CLAIMS
    assert sum(states[status] for status in OPEN if status in states) == 21
    assert set(states) == set(ClaimStatus) - {ClaimStatus.APPROVED}
    assert verify_books().differences == []
    claimed = OrderLine.objects.filter(claimed_quantity=1)
    assert set(claimed) == {
        content.line for content in ClaimLine.objects.filter(claim__ended_at=None)
    }


def test_claims_of_the_past_are_answered_like_any_other(claims):
    for status in ClaimStatus:
        response = claims.api.get("/aftersales", status=status.value)
        assert response.status_code == 200
    claim = Claim.objects.filter(partner=claims.partner, status="return_received")[0]
    document = claims.api.get(f"/aftersales/{claim.aftersale_no}").json()
    assert [event["to"] for event in document["history"]] == [
        "submitted", "approved", "awaiting_return", "return_shipped", "return_received",
    ]  # fmt: skip
    assert len(document["return_shipments"]) == 1
    assert not Outbox.objects.exists()
