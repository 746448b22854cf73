"""The page of a quote."""

from __future__ import annotations

import re

from django.test import Client
from django.urls import reverse

from orders.models import Quote
from tests.cast import Merchant, World
from tests.orders.quoting import quote


def test_page_shows_the_plan_as_suborders_and_lines(
    shop: World, merchant: Merchant, boss: Client
) -> None:
    shop.make_sku("N", north=10)
    shop.make_sku("S", south=10)
    quote_id = quote(merchant, [("N", 3), ("S", 1)])["quote_id"]
    kept = Quote.objects.get(quote_id=quote_id)

    page = boss.get(reverse("admin:orders_quote_change", args=(kept.pk,)))

    html = page.content.decode()
    text = " ".join(re.sub(r"<[^>]*>", " ", html).split())
    assert "stock_ids" not in text
    assert "\\u" not in text
    parts = page.context["parts"]
    assert [(part["order_no"], [line["sku"] for line in part["lines"]]) for part in parts] == [
        ("-1", ["N"]), ("-2", ["S"]),
    ]  # fmt: skip
    for part in parts:
        line = part["lines"][0]
        assert (
            f"{line['line_no']} {line['sku']} {line['name']} {line['quantity']}"
            f" {line['purchase_price']:,.2f} {line['amount']:,.2f}"
        ) in text
        assert f"{part['goods_amount']:,.2f} + " in text
        assert str(part["warehouse"]) in text
