"""Decisions on claims, and what they left behind."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User

from accounts.models import LedgerEntry, Wallet
from aftersales.models import Claim, ClaimEvent
from aftersales.services.deciding import (
    ApprovedLine,
    approve_claim,
    ask_for_information,
    reject_claim,
)
from aftersales.services.transitions import Actor
from openplatform.core import clock
from openplatform.messaging.models import Message
from orders.models import Order, Suborder
from tests.aftersales.acts import OPERATOR, make_reasons, set_return_addresses
from tests.cast import Merchant, World
from tests.orders.acts import told


@pytest.fixture
def goods(shop: World) -> World:
    """What :func:`stock` makes."""
    stock(shop)
    return shop


def stock(shop: World) -> None:
    """A for 10.00 and B for 20.00 in the north; reasons; addresses for returns."""
    shop.make_sku("A", price="10.00", north=50)
    shop.make_sku("B", price="20.00", north=50)
    make_reasons()
    set_return_addresses()


def approve(
    document: Mapping[str, Any],
    lines: Mapping[int, ApprovedLine] | None = None,
    *,
    freight: str | None = None,
    note: str = "",
    by: Actor = OPERATOR,
    user: User | None = None,
    expected_version: int | None = None,
    expected_amount: str | None = None,
) -> Claim:
    """All that was asked for, unless told otherwise."""
    return approve_claim(
        aftersale_no=document["aftersale_no"],
        lines=lines,
        freight_amount=None if freight is None else Decimal(freight),
        note=note,
        by=by,
        user=user,
        now=clock.now(),
        expected_version=expected_version,
        expected_amount=None if expected_amount is None else Decimal(expected_amount),
    )


def reject(
    document: Mapping[str, Any],
    note: str = "Not covered.",
    *,
    by: Actor = OPERATOR,
    expected_version: int | None = None,
) -> Claim:
    """Not granted."""
    return reject_claim(
        aftersale_no=document["aftersale_no"],
        note=note,
        by=by,
        now=clock.now(),
        expected_version=expected_version,
    )


def ask(
    document: Mapping[str, Any],
    note: str = "Which of them?",
    *,
    expected_version: int | None = None,
) -> Claim:
    """The merchant is to answer first."""
    return ask_for_information(
        aftersale_no=document["aftersale_no"],
        note=note,
        by=OPERATOR,
        now=clock.now(),
        expected_version=expected_version,
    )


def amounts_of(document: Mapping[str, Any]) -> list[str]:
    """Goods, freight and both of a claim as it is told, then each of its lines."""
    names = ("goods_refund_amount", "freight_refund_amount", "refund_amount")
    lines = [item["refund_amount"] for item in document["items"]]
    return [*(document[name] for name in names), *lines]


def balance(merchant: Merchant) -> str:
    """On the wallet."""
    return str(Wallet.objects.get(pk=merchant.partner.pk).balance)


def refunds() -> list[tuple[str, str, str, str, str, str]]:
    """Amount, document and number, order, suborder, claim of each refund in the ledger."""
    return [
        (
            str(entry.amount),
            entry.document,
            entry.document_no,
            entry.order_no,
            entry.suborder_no,
            entry.aftersale_no,
        )
        for entry in LedgerEntry.objects.filter(kind="refund").order_by("id")
    ]


def steps(claim: Claim | Mapping[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """From, to, side, actor and note of each event of a claim."""
    number = claim.aftersale_no if isinstance(claim, Claim) else claim["aftersale_no"]
    return list(
        ClaimEvent.objects.filter(claim__aftersale_no=number)
        .order_by("id")
        .values_list("from_status", "to_status", "role", "actor", "note")
    )


def statuses(suborder_no: str) -> tuple[str, str]:
    """Of the order and of the suborder."""
    part = Suborder.objects.select_related("order").get(order_no=suborder_no)
    return part.order.status, part.status


def refunded_of(suborder_no: str) -> tuple[str, str, str]:
    """What was refunded of the order, of the suborder, and of its freight."""
    part = Suborder.objects.get(order_no=suborder_no)
    order = Order.objects.get(pk=part.order_id)
    return str(order.refunded_amount), str(part.refunded_amount), str(part.refunded_freight_amount)


def told_of(merchant: Merchant, subject: str) -> list[Message]:
    """Messages about claims (``aftersale``) or orders (``order``), in their order."""
    return [message for message in told(merchant) if message.type.startswith(f"{subject}.")]
