"""What orders say must stand in the books of accounts."""

from __future__ import annotations

UNPAID = "('pending_payment', 'cancelled', 'expired')"

# An order that was paid once stays paid: what is refunded later has documents of its own.
PAYMENTS = f"""
    SELECT 'order' AS document, order_no AS document_no, 'order_payment' AS kind, partner_id,
        -total_amount AS amount, coalesce(paid_at, updated_at) AS at
    FROM orders_order WHERE status NOT IN {UNPAID}
"""  # noqa: S608 - constants
# What operators closed of orders that were paid.
CLOSURES = """
    SELECT 'closure' AS document, closure.closure_no AS document_no, 'refund' AS kind,
        "order".partner_id, closure.amount, closure.created_at AS at
    FROM orders_closure closure
    JOIN orders_suborder part ON part.id = closure.suborder_id
    JOIN orders_order "order" ON "order".id = part.order_id
"""
# Nothing follows on cancelled and expired, so the last update of an expired order is its expiry.
HOLDS = f"""
    SELECT order_no, partner_id, 'held' AS kind, total_amount AS amount, created_at AS at
    FROM orders_order
    UNION ALL
    SELECT order_no, partner_id,
        CASE WHEN status IN {UNPAID} THEN 'released' ELSE 'paid' END, -total_amount,
        coalesce(paid_at, cancelled_at, updated_at)
    FROM orders_order WHERE status <> 'pending_payment'
"""  # noqa: S608 - constants
