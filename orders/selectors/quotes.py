"""Quotes as orders use them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from openplatform.core.statements import Sent, send
from orders.planning import GoodsPlan

# Another partner's quote is as if it did not exist. Whether it has expired is for the database's
# clock to say.
QUOTE = """
    SELECT quote.fingerprint, quote.plan::text AS plan, quote.expires_at,
        quote.expires_at <= clock_timestamp() AS is_expired, used.order_no, used.merchant_order_no
    FROM orders_quote quote
    LEFT JOIN orders_order used ON used.quote_id = quote.quote_id AND used.quote_id <> ''
    WHERE quote.quote_id = %(quote_id)s AND quote.partner_id = %(partner_id)s
"""


@dataclass(frozen=True, slots=True)
class KeptQuote:
    """What was promised, and the order that was placed on it, if one was."""

    fingerprint: bytes
    region: str
    goods: GoodsPlan
    expires_at: datetime
    is_expired: bool
    order_no: str | None
    merchant_order_no: str | None


def send_quote(*, partner_id: int, quote_id: str) -> Sent:
    """Ask for a partner's quote; read it with :func:`read_quote`."""
    return send(QUOTE, {"partner_id": partner_id, "quote_id": quote_id})


def read_quote(sent: Sent) -> KeptQuote | None:
    """The quote, None when the partner has no such one."""
    row = sent.row()
    if row is None:
        return None
    fingerprint, text, expires_at, is_expired, order_no, merchant_order_no = row
    plan: dict[str, Any] = orjson.loads(text)
    region = plan.pop("region")
    return KeptQuote(
        fingerprint=bytes(fingerprint),
        region=region,
        goods=GoodsPlan(**plan),
        expires_at=expires_at,
        is_expired=is_expired,
        order_no=order_no,
        merchant_order_no=merchant_order_no,
    )
