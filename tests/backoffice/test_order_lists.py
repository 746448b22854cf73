"""The lists of suborders, shipments and closures: searched by what an order is found by."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import DjangoDbBlocker

from openplatform.core.admin.paging import BoundedPaginator
from orders.models import Closure, OrderLine, Shipment, Suborder
from tests.cast import CONSIGNEE, Merchant, World, make_merchant
from tests.orders.acts import pay, ship
from tests.orders.changing import close
from tests.staging import on_stage

MODELS = ("suborder", "shipment", "closure")


def found(client: Client, model: str, text: str, **filters: Any) -> list[str]:
    """The suborders of the rows, in the order of their numbers."""
    response = client.get(reverse(f"admin:orders_{model}_changelist"), {"q": text, **filters})
    assert response.status_code == 200
    rows = response.context["cl"].result_list
    parts = [row.order_no if model == "suborder" else row.suborder.order_no for row in rows]
    return sorted(parts)


@pytest.fixture(scope="module")
def stage(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[tuple[Merchant, list[str]]]:
    """Two suborders of a merchant's order, one of the stranger's; of each a parcel, a closure."""
    with on_stage(django_db_blocker):
        world, merchant, stranger = World(), make_merchant("acme"), make_merchant("stranger")
        world.open_pool_to(merchant, stranger)
        world.make_sku("N", north=50)
        world.make_sku("S", south=50)
        pay(merchant, "M-1", items=[("N", 5), ("S", 5)])
        pay(stranger, "S-1", items=[("N", 5)], consignee={**CONSIGNEE, "phone": "13900139000"})
        placed = Suborder.objects.order_by("order__merchant_order_no", "order_no")
        numbers = list(placed.values_list("order_no", flat=True))
        for index, number in enumerate(numbers):
            line_no = OrderLine.objects.get(suborder__order_no=number).line_no
            ship(number, {line_no: 1}, waybill_no=f"SF-{index}")
            close(number, {line_no: 1})
        yield stranger, numbers


@pytest.fixture
def stranger(stage: tuple[Merchant, list[str]], db: None) -> Merchant:
    """Whose suborder the last one is."""
    return stage[0]


@pytest.fixture
def parts(stage: tuple[Merchant, list[str]], db: None) -> list[str]:
    """The numbers of the suborders."""
    return stage[1]


@pytest.mark.parametrize("model", MODELS)
def test_rows_are_found_by_what_their_order_is_found_by(
    parts: list[str], boss: Client, stranger: Merchant, model: str
) -> None:
    first, second, other = parts
    order_no = first.removesuffix("-1")

    assert found(boss, model, order_no) == [first, second]
    assert found(boss, model, order_no.lower()) == [first, second]
    assert found(boss, model, "M-1") == [first, second]
    assert found(boss, model, "139") == [other]
    assert found(boss, model, "") == sorted(parts)
    assert found(boss, model, "nobody") == []
    partner = "order__partner" if model == "suborder" else "suborder__order__partner"
    assert found(boss, model, "SF-", **{f"{partner}__id__exact": stranger.partner.pk}) == [other]


def test_number_finds_its_own_row_alone(parts: list[str], boss: Client) -> None:
    second = parts[1]
    shipment = Shipment.objects.get(suborder__order_no=second)
    closure = Closure.objects.get(suborder__order_no=second)

    assert found(boss, "suborder", f" {second.lower()} ") == [second]
    assert found(boss, "shipment", shipment.shipment_no) == [second]
    assert found(boss, "shipment", "SF-1") == [second]
    assert found(boss, "closure", closure.closure_no.lower()) == [second]


@pytest.mark.parametrize("model", MODELS)
def test_unreadable_search_text_finds_nothing(parts: list[str], boss: Client, model: str) -> None:
    for text in ("x" * 10_000, "\U0010ffff", "%", "'", "_"):
        assert found(boss, model, text) == []
    assert boss.get(reverse(f"admin:orders_{model}_changelist"), {"q": "\0"}).status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_list_is_counted_to_a_bound_and_never_searched_by_parts_of_texts(
    parts: list[str], boss: Client, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedPaginator, "maximum", 1)
    url = reverse(f"admin:orders_{model}_changelist")

    with CaptureQueriesContext(connection) as queries:
        answers = [boss.get(url), boss.get(url, {"q": "M-1"})]

    assert [answer.context["cl"].result_count for answer in answers] == [1, 1]
    sent = [query["sql"] for query in queries]
    assert [sql for sql in sent if " LIKE " in sql] == []
    assert len([sql for sql in sent if "COUNT(*)" in sql and re.search(r"LIMIT 2\b", sql)]) == 2


def test_status_of_a_parcel_is_a_word_on_the_page_of_its_suborder(
    parts: list[str], boss: Client
) -> None:
    part = Suborder.objects.get(order_no=parts[0])

    page = boss.get(reverse("admin:orders_suborder_change", args=(part.pk,))).content.decode()

    cells = re.findall(r"<td.*?</td>", page, re.S)
    assert "Nothing known yet" in [re.sub(r"<[^>]*>", "", cell).strip() for cell in cells]
