"""What the walkthrough shows of long answers."""

from __future__ import annotations

from collections.abc import Callable

from openplatform.demo.narration import Json


def pick(*names: str) -> Callable[[Json], Json]:
    """Shows these fields of an answer."""
    return lambda body: {name: body.get(name) for name in names}


def first(*names: str) -> Callable[[Json], Json]:
    """Shows these fields of the first row of an answer."""
    return lambda body: pick(*names)(body["results"][0]) if body["results"] else {}


def order_shown(body: Json) -> Json:
    """What is worth seeing of an order."""
    shown = pick("order_no", "status", "is_split", "goods_amount", "freight_amount")(body)
    return {
        **shown,
        "total_amount": body["total_amount"],
        "suborders": [
            {
                "order_no": part["order_no"],
                "status": part["status"],
                "skus": [line["sku"] for line in part["lines"]],
            }
            for part in body["suborders"]
        ],
    }


def message_shown(message: Json) -> Json:
    """What is worth seeing of a message."""
    return {
        "sequence": message["sequence"],
        "type": message["type"],
        "changed": message["data"].get("changed"),
    }
