"""Own orders only: anybody else's answers as if it did not exist."""

from __future__ import annotations

from collections.abc import Sequence

from openplatform.core.errors import NotFound
from orders.selectors.trees import OrderTree


def require_own(trees: Sequence[OrderTree], partner_id: int) -> OrderTree:
    """:raises NotFound: when there is no such order, or it is another partner's."""
    for tree in trees:
        if tree.order["partner_id"] == partner_id:
            return tree
    raise NotFound
