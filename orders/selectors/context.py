"""What an order depends on besides its goods."""

from __future__ import annotations

from accounts.services.wallet import SPARE
from openplatform.core.statements import Sent, send

# A retired region is that which follows it; only a retired one has a successor.
CONTEXT = f"""
    SELECT partner.status, partner.code,
        partner.has_overdue_bill AND NOT partner.orders_while_overdue AS is_overdue,
        clock_timestamp() + make_interval(mins => partner.order_expiry_minutes) AS expires_at,
        region.code AS region_code, region.level, region.has_children, region.path_name,
        known.order_no AS known_order_no, known.fingerprint AS known_fingerprint,
        {SPARE} AS spare_amount
    FROM accounts_partner partner
    JOIN accounts_wallet ON accounts_wallet.partner_id = partner.id
    LEFT JOIN regions_region given ON given.code = %(region)s
    LEFT JOIN regions_region region
        ON region.code = coalesce(given.successor_id, given.code) AND NOT region.is_retired
    LEFT JOIN orders_order known
        ON known.partner_id = partner.id AND known.merchant_order_no = %(merchant_order_no)s
    WHERE partner.id = %(partner_id)s
"""  # noqa: S608 - put together from constants


def send_context(*, partner_id: int, region: str | None, merchant_order_no: str) -> Sent:
    """Ask for a row about the partner (``is_overdue``: a bill of it is, and that stops orders),
    what its wallet can surely spare, the region (``level`` None for an unknown one), and the order
    that is known by the merchant's number.
    """
    return send(
        CONTEXT,
        {"partner_id": partner_id, "region": region, "merchant_order_no": merchant_order_no},
    )
