"""What becomes of quotes afterwards."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.db.models import F
from django.test import Client
from django.urls import reverse

from openplatform.core.background import LOOPS
from orders.models import Order, Quote
from orders.services.quoting import prune_quotes
from tests.cast import Merchant, World, order_body
from tests.orders.quoting import quote


def test_quotes_go_an_hour_after_they_expired(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    old, recent, open_one = (quote(merchant)["quote_id"] for _number in range(3))
    placed = merchant.api.post("/orders", order_body(quote_id=old)).json()
    for quote_id, minutes in ((old, 61), (recent, 59)):
        Quote.objects.filter(quote_id=quote_id).update(
            expires_at=F("created_at") - timedelta(minutes=minutes)
        )

    pruned = prune_quotes()

    assert pruned == 1
    assert set(Quote.objects.values_list("quote_id", flat=True)) == {recent, open_one}
    assert merchant.api.get(f"/orders/{placed['order_no']}").json() == placed
    assert prune_quotes() == 0
    assert prune_quotes in {loop.run for loop in LOOPS}


def test_pruned_quote_is_as_unknown(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    quote_id = quote(merchant)["quote_id"]
    Quote.objects.all().delete()

    response = merchant.api.post("/orders", order_body(quote_id=quote_id))

    assert (response.status_code, response.json()["code"]) == (422, "field_invalid")


def test_settings_say_how_long_a_quote_holds(
    shop: World, merchant: Merchant, settings: object
) -> None:
    settings.QUOTE_MINUTES = 60  # type: ignore[attr-defined]
    shop.make_sku("A", north=5)

    quote(merchant)

    kept = Quote.objects.get()
    assert timedelta(minutes=59) < kept.expires_at - kept.created_at < timedelta(minutes=61)


def test_staff_see_which_order_was_placed_on_a_quote(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    used, unused = (quote(merchant)["quote_id"] for _number in range(2))
    merchant.api.post("/orders", order_body(quote_id=used))
    order = Order.objects.get()
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))

    listed = client.get(reverse("admin:orders_quote_changelist"))
    kept = Quote.objects.get(quote_id=used)
    page = client.get(reverse("admin:orders_quote_change", args=(kept.pk,)))

    assert (listed.status_code, page.status_code) == (200, 200)
    for quote_id in (used, unused):
        assert quote_id in listed.text
    link = reverse("admin:orders_order_change", args=(order.pk,))
    assert link in listed.text
    assert link in page.text
    assert "_save" not in page.text
