"""Reads of a merchant's orders."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from openplatform.core.statements import send
from orders.documents import child_document, list_document
from orders.models import Carrier
from orders.selectors.own import require_own
from orders.selectors.trees import OrderTree, read_trees, send_trees

PARENT = """
    SELECT "order".order_no FROM orders_suborder part
    JOIN orders_order "order" ON "order".id = part.order_id
    WHERE part.order_no = %s
"""


def get_list_documents(order_nos: list[str]) -> dict[str, dict[str, Any]]:
    """Rows of ``GET /orders`` by order number."""
    return {
        tree.order["order_no"]: list_document(tree.document())
        for tree in read_trees(send_trees(order_nos))
    }


def get_order_document(*, partner_id: int, order_no: str) -> dict[str, Any]:
    """``GET /orders/{order_no}``, by parent or child number.

    :raises NotFound: when the partner has no such order.
    """
    tree, is_child = find_tree(partner_id=partner_id, order_no=order_no)
    document = tree.document()
    return child_document(document, order_no) if is_child else document


def get_shipments_document(*, partner_id: int, order_no: str) -> dict[str, Any]:
    """``GET /orders/{order_no}/shipments``: an entry a suborder; by a child's number, its own.

    :raises NotFound: when the partner has no such order.
    """
    tree, is_child = find_tree(partner_id=partner_id, order_no=order_no)
    return {
        "results": [
            {name: part[name] for name in ("order_no", "parent_order_no", "status", "shipments")}
            for part in tree.document()["suborders"]
            if not is_child or part["order_no"] == order_no
        ]
    }


def list_carriers() -> QuerySet[Carrier]:
    """Carriers in use."""
    return Carrier.objects.filter(is_active=True)


def find_tree(*, partner_id: int, order_no: str) -> tuple[OrderTree, bool]:
    """The order with this number, or of the suborder with it; and whether it was the latter.

    :raises NotFound: when the partner has no such order.
    """
    trees = read_trees(send_trees([order_no]))
    if trees:
        return require_own(trees, partner_id), False
    parent = send(PARENT, [order_no]).row()
    trees = read_trees(send_trees([parent[0]])) if parent else []
    return require_own(trees, partner_id), True
