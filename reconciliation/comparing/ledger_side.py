"""Our side of a comparison: entries of the ledger with the numbers that merchants know them by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openplatform.core.statements import send
from reconciliation.comparing.matching import Ours

# What has no order is known by its document's number, or by the reference of the bank's transfer.
DOCUMENT_KINDS = ("top_up", "adjustment", "withdrawal")
IS_OF_DOCUMENT = "entry.kind IN ('top_up', 'adjustment', 'withdrawal')"

# In the order of the fields of `Ours`, and the reference behind them.
SELECT = f"""
    SELECT entry.entry_no, entry.kind, entry.amount, entry.created_at, entry.document,
        entry.document_no, entry.order_no, entry.suborder_no, entry.aftersale_no,
        coalesce(claim.merchant_aftersale_no, '') AS merchant_aftersale_no,
        coalesce(own_order.merchant_order_no, '') AS merchant_order_no,
        CASE WHEN {IS_OF_DOCUMENT} THEN 'approved' WHEN entry.kind = 'order_payment'
            THEN coalesce(own_order.status, '') ELSE coalesce(claim.status, '') END AS state,
        CASE WHEN {IS_OF_DOCUMENT} THEN entry.document_no
            ELSE coalesce(own_order.merchant_order_no, '') END AS key,
        coalesce(top_up.reference, withdrawal.reference, '') AS reference,
        (top_up.paid_at AT TIME ZONE %(zone)s)::date AS paid_on
    FROM accounts_ledgerentry entry
    LEFT JOIN orders_order own_order ON own_order.order_no = entry.order_no AND entry.order_no <> ''
    LEFT JOIN aftersales_claim claim
        ON claim.aftersale_no = entry.aftersale_no AND entry.aftersale_no <> ''
    LEFT JOIN accounts_topup top_up
        ON entry.document = 'top_up' AND top_up.top_up_no = entry.document_no
    LEFT JOIN accounts_withdrawal withdrawal
        ON entry.document = 'withdrawal' AND withdrawal.withdrawal_no = entry.document_no
    WHERE entry.partner_id = %(partner_id)s
"""  # noqa: S608 - put together from constants
IN_RANGE = "AND entry.entry_no > %(opening)s AND entry.entry_no <= %(closing)s"
OUT_OF_RANGE = "AND (entry.entry_no <= %(opening)s OR entry.entry_no > %(closing)s)"
FIELDS = ", ".join(Ours._fields)


def list_entries(condition: str, parameters: Mapping[str, Any]) -> list[tuple[Ours, str]]:
    """Entries and the references of their documents, the first ones first.

    :param condition: in SQL, a constant that begins with ``AND``.
    """
    rows = send(f"{SELECT} {condition} ORDER BY entry.entry_no", parameters).rows()
    width = len(Ours._fields)
    return [(Ours(*row[:width]), row[width]) for row in rows]
