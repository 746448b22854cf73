"""Listing and delisting in time, from the list of SKUs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.test import Client
from django.urls import reverse

from catalog.models import ShelfChange, Sku
from openplatform.core import clock
from openplatform.core.clock import PLATFORM_ZONE
from tests.backoffice.conftest import Staff
from tests.cast import World

TO_COME = datetime(2031, 5, 1, 8, 30, tzinfo=PLATFORM_ZONE)
FORM = {
    "shelf_state": "off_shelf",
    "effective_at_0": TO_COME.date().isoformat(),
    "effective_at_1": "08:30:00",
}


def choose(client: Client, *codes: str) -> Any:
    """Choose SKUs in the list, and the action."""
    chosen = [Sku.objects.get(code=code).pk for code in codes]
    return client.post(
        reverse("admin:catalog_sku_changelist"),
        {"action": "choose_shelf_time", "_selected_action": chosen},
        follow=True,
    )


def flash(response: Any) -> list[str]:
    """What the page tells on top."""
    return [str(message) for message in response.context["messages"]]


def test_chosen_skus_are_scheduled_and_called_off(shop: World, boss: Client):
    for code in "ABC":
        shop.make_sku(code)
    page = choose(boss, "A", "B")

    done = boss.post(page.redirect_chain[-1][0], FORM, follow=True)

    assert flash(done) == ["Scheduled for 2 SKUs"]
    assert list(
        ShelfChange.objects.order_by("sku__code").values_list(
            "sku__code", "shelf_state", "effective_at", "actor"
        )
    ) == [("A", "off_shelf", TO_COME, "boss"), ("B", "off_shelf", TO_COME, "boss")]
    assert done.context["cl"].result_count == 2

    ids = list(ShelfChange.objects.values_list("pk", flat=True))
    gone = boss.post(
        reverse("admin:catalog_shelfchange_changelist"),
        {"action": "withdraw", "_selected_action": ids},
        follow=True,
    )

    assert flash(gone) == ["Called off: 2; had taken effect already: 0"]
    assert not ShelfChange.objects.exists()


def test_time_that_has_passed_is_refused_at_its_field(shop: World, boss: Client):
    shop.make_sku("A")
    page = choose(boss, "A")
    yesterday = (clock.now() - timedelta(days=1)).date().isoformat()

    response = boss.post(page.redirect_chain[-1][0], {**FORM, "effective_at_0": yesterday})

    assert response.context["form"].errors == {"effective_at": ["This time has passed"]}
    assert not ShelfChange.objects.exists()


def test_nothing_is_scheduled_when_one_may_only_look(shop: World, staff: Staff):
    sku = shop.make_sku("A")
    client = staff("catalog.view_sku", "catalog.view_shelfchange")
    url = f"{reverse('admin:catalog_sku_shelf_time')}?ids={sku.pk}"

    assert client.post(url, FORM).status_code == 403
    assert not ShelfChange.objects.exists()
