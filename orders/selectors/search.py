"""Orders by whatever an operator has at hand, within a moment among millions.

Each column has an index in the order of bytes (``varchar_pattern_ops``) and is looked up by itself;
one condition over several tables would be tried on every order. Ranges stand for beginnings, since
a plan that is made without looking at the value does nothing for ``LIKE``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from openplatform.core.statements import send

MAX_LENGTH = 64
# Of each column so many of what is exactly it, the newest, and of what begins with it.
MAX_FOUND = 1000

LAST_CHARACTER = chr(0x10FFFF)
BEFORE_SURROGATES, AFTER_SURROGATES = "\ud7ff", "\ue000"


def _beginning(
    column: str,
    table: str = "orders_order",
    order_id: str = "id",
    joined: str = "",
    *,
    from_text: str = "~>=~",
) -> str:
    """In the order of the index, so what is exactly the text comes first."""
    return f"""
        SELECT {order_id} FROM (
            SELECT * FROM {table}
            WHERE {column} <> '' AND {column} {from_text} %(text)s AND {column} ~<~ %(end)s
            ORDER BY {column} USING ~<~ LIMIT {MAX_FOUND + 1}
        ) found {joined}
    """  # noqa: S608 - of constants


def _both(column: str) -> tuple[str, str]:
    """Of what many orders may share: what is exactly the text, the newest of it, and the rest."""
    exactly = f"""
        SELECT id FROM orders_order WHERE {column} <> '' AND {column} = %(text)s
        ORDER BY id DESC LIMIT {MAX_FOUND + 1}
    """  # noqa: S608 - as above
    return exactly, _beginning(column, from_text="~>~")


PART = "JOIN orders_suborder part ON part.id = found.suborder_id"
OWN_NUMBERS = (
    _beginning("order_no"),
    _beginning("order_no", "orders_suborder", "order_id"),
    _beginning("shipment_no", "orders_shipment", "part.order_id", PART),
)
OTHERS = (
    _beginning("waybill_no", "orders_shipment", "part.order_id", PART),
    _beginning("merchant_order_no"),
    *_both("purchase_order_no"),
    *_both("consignee_phone"),
    *_both("consignee_name"),
)
FIND = " UNION ALL ".join(
    f"SELECT {place}, order_id FROM ({statement}) AS of_{place} (order_id)"  # noqa: S608 - as above
    for place, statement in enumerate(
        [*(statement.replace("%(", "%(own_") for statement in OWN_NUMBERS), *OTHERS]
    )
)


@dataclass(frozen=True, slots=True)
class Found:
    """Orders by their primary keys, and whether there are more than were looked at."""

    order_ids: list[int]
    is_cut: bool


def find_orders(text: str) -> Found:
    """The orders of which a number, or the consignee's phone or name, is this text or begins with
    it: the numbers of order, suborder, shipment and waybill, the merchant's and the purchase
    order's.

    Numbers of ours are found in small letters, too. Blanks around the text are not looked at.
    """
    text = text.strip()
    if not text or len(text) > MAX_LENGTH or "\0" in text:
        return Found([], is_cut=False)
    own = text.upper()
    rows = send(
        FIND, {"text": text, "end": end_of(text), "own_text": own, "own_end": end_of(own)}
    ).rows()
    in_column = Counter(place for place, _order_id in rows)
    return Found(
        sorted({order_id for _place, order_id in rows}, reverse=True),
        is_cut=any(number > MAX_FOUND for number in in_column.values()),
    )


def end_of(beginning: str) -> str:
    """The first text, in the order of bytes, behind all those with this beginning."""
    head, last = beginning[:-1], beginning[-1]
    if last == LAST_CHARACTER:
        return end_of(head) if head else beginning + LAST_CHARACTER
    following = AFTER_SURROGATES if last == BEFORE_SURROGATES else chr(ord(last) + 1)
    return head + following
