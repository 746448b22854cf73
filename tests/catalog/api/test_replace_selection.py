from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from catalog.models import SelectedSku, Selection, Sku
from catalog.services.shelf import set_shelf_state
from openplatform.core import clock
from openplatform.messaging.services.sequencing import sequence_outbox
from tests.cast import Api, Merchant, World
from tests.catalog.pools import curate_pool
from tests.messaging.told import told
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/catalog/selection"


def put(merchant: Merchant, body: Any, **headers: str) -> Any:
    return merchant.api.request("PUT", PATH, body=body, headers=headers)


def selected(merchant: Merchant) -> list[str]:
    rows = SelectedSku.objects.filter(partner=merchant.partner).order_by("sku__code")
    return list(rows.values_list("sku__code", flat=True))


@pytest.fixture
def goods(shop: World) -> World:
    """A, B and C are in the pool; HIDDEN is in none."""
    for code in ("A", "B", "C"):
        shop.make_sku(code)
    shop.make_sku("HIDDEN", in_pool=False)
    return shop


@pytest.mark.usefixtures("goods")
def test_selection_is_what_was_sent_when_there_was_none(merchant: Merchant) -> None:
    response = put(merchant, {"skus": ["C", "A"], "only_these_messages": True})

    assert response.status_code == 200
    assert response.json() == {"skus": ["A", "C"], "only_these_messages": True}
    assert selected(merchant) == ["A", "C"]
    assert Selection.objects.get().only_these_messages


@pytest.mark.usefixtures("goods")
def test_all_of_it_is_replaced_when_there_was_one(merchant: Merchant) -> None:
    put(merchant, {"skus": ["A", "B"], "only_these_messages": True})
    kept = SelectedSku.objects.get(sku__code="B").pk

    response = put(merchant, {"skus": ["B", "C"]})

    assert response.json() == {"skus": ["B", "C"], "only_these_messages": False}
    assert selected(merchant) == ["B", "C"]
    assert SelectedSku.objects.get(sku__code="B").pk == kept
    assert not Selection.objects.get().only_these_messages


@pytest.mark.usefixtures("goods")
def test_nothing_is_selected_when_the_list_is_empty(merchant: Merchant) -> None:
    put(merchant, {"skus": ["A"]})

    response = put(merchant, {"skus": [], "only_these_messages": True})

    assert response.json() == {"skus": [], "only_these_messages": True}
    assert selected(merchant) == []


@pytest.mark.usefixtures("goods")
def test_same_answer_when_it_is_sent_twice(merchant: Merchant) -> None:
    first = put(merchant, {"skus": ["A"]})

    again = put(merchant, {"skus": ["A"]})

    assert (again.status_code, again.json()) == (200, first.json())
    assert selected(merchant) == ["A"]


@pytest.mark.usefixtures("goods")
def test_first_answer_is_repeated_when_the_key_is(merchant: Merchant) -> None:
    first = put(merchant, {"skus": ["A"]}, **{"Idempotency-Key": "k"})
    put(merchant, {"skus": ["B"]})

    again = put(merchant, {"skus": ["A"]}, **{"Idempotency-Key": "k"})
    other = put(merchant, {"skus": ["C"]}, **{"Idempotency-Key": "k"})

    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert selected(merchant) == ["B"]


@pytest.mark.usefixtures("goods")
def test_every_wrong_code_is_named_when_some_cannot_be_selected(merchant: Merchant) -> None:
    put(merchant, {"skus": ["A"], "only_these_messages": True})

    response = put(merchant, {"skus": ["B", "HIDDEN", "NOTHING", "B", "b"]})

    assert (response.status_code, response.json()["code"]) == (422, "sku_not_available")
    assert [(fault["pointer"], fault["code"]) for fault in response.json()["errors"]] == [
        ("/skus/1", "sku_not_available"),
        ("/skus/2", "sku_not_available"),
        ("/skus/3", "duplicate_sku"),
        ("/skus/4", "sku_not_available"),
    ]
    assert merchant.api.get(PATH).json() == {"skus": ["A"], "only_these_messages": True}


@pytest.mark.usefixtures("goods")
@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "field_required", "/skus"),
        ({"skus": None}, "field_required", "/skus"),
        ({"skus": "A"}, "field_invalid", "/skus"),
        ({"skus": {"0": "A"}}, "field_invalid", "/skus"),
        ({"skus": ["A", 1]}, "field_invalid", "/skus/1"),
        ({"skus": ["A", None]}, "field_invalid", "/skus/1"),
        ({"skus": [""]}, "string_invalid", "/skus/0"),
        ({"skus": ["A", " B"]}, "string_invalid", "/skus/1"),
        ({"skus": ["A\0"]}, "string_invalid", "/skus/0"),
        ({"skus": ["Ａ"]}, "string_invalid", "/skus/0"),
        ({"skus": ["A"] * 20_001}, "too_many_items", "/skus"),
        ({"skus": ["A"], "only_these_messages": "true"}, "field_invalid", "/only_these_messages"),
        ({"skus": ["A"], "only_these_messages": 1}, "field_invalid", "/only_these_messages"),
        ({"skus": ["A"], "only_these_messages": None}, "field_invalid", "/only_these_messages"),
        ({"skus": ["A", "x" * 65]}, "string_invalid", "/skus/1"),
        ({"skus": ["A"], "partner": 1}, "unknown_field", "/partner"),
    ],
)
def test_refused_when_the_body_is_wrong(
    merchant: Merchant, body: Any, code: str, pointer: str
) -> None:
    response = put(merchant, body)

    assert (response.status_code, response.json()["code"]) == (422, code)
    assert [fault["pointer"] for fault in response.json()["errors"]] == [pointer]
    assert not Selection.objects.exists()


@pytest.mark.usefixtures("goods")
def test_refused_when_a_query_parameter_is_sent(merchant: Merchant) -> None:
    response = merchant.api.request("PUT", PATH, body={"skus": ["A"]}, query={"x": "1"})

    assert (response.status_code, response.json()["code"]) == (400, "filter_not_allowed")
    assert not Selection.objects.exists()


@pytest.mark.usefixtures("goods")
def test_selection_of_another_merchant_stays(merchant: Merchant, stranger: Merchant) -> None:
    put(merchant, {"skus": ["A"]})

    response = put(stranger, {"skus": ["A"]})

    assert (response.status_code, response.json()["code"]) == (422, "sku_not_available")
    assert selected(merchant) == ["A"]


def test_statements_stay_the_same_when_more_is_selected(
    shop: World, merchant: Merchant, django_assert_max_num_queries: Any
) -> None:
    codes = [shop.make_sku(f"S{number:03}").code for number in range(300)]
    put(merchant, {"skus": []})  # from here on the key is known

    with django_assert_max_num_queries(9):  # limits, begin, 4 statements, 2 of the answer, commit
        response = put(merchant, {"skus": codes})

    assert response.json()["skus"] == codes


@pytest.mark.usefixtures("goods")
def test_messages_are_of_selected_skus_only_when_asked_for(
    merchant: Merchant, stranger: Merchant, goods: World
) -> None:
    goods.open_pool_to(stranger)
    put(merchant, {"skus": ["A", "B"], "only_these_messages": True})

    set_shelf_state(
        sku_codes=["A", "C"], state=Sku.ShelfState.OFF_SHELF, actor="test", now=clock.now()
    )
    curate_pool(pool_code="pool", remove=["B", "C"], actor="test", now=clock.now())
    sequence_outbox()

    assert [(type_name, data["skus"]) for _no, type_name, data in told(merchant)] == [
        ("sku.off_shelf", ["A"]),
        ("pool.sku_removed", ["B"]),
    ]
    assert [(type_name, data["skus"]) for _no, type_name, data in told(stranger)] == [
        ("sku.off_shelf", ["A"]),  # C was out of sight when it was told
        ("pool.sku_removed", ["B", "C"]),
    ]


@pytest.mark.usefixtures("goods")
def test_messages_are_of_all_skus_when_not_narrowed(merchant: Merchant) -> None:
    put(merchant, {"skus": ["A"]})

    set_shelf_state(
        sku_codes=["A", "C"], state=Sku.ShelfState.OFF_SHELF, actor="test", now=clock.now()
    )
    sequence_outbox()

    assert [data["skus"] for _no, _type, data in told(merchant)] == [["A", "C"]]


@pytest.mark.usefixtures("goods")
def test_one_of_two_stands_whole_when_both_are_sent_at_once(merchant: Merchant) -> None:
    bodies = [
        {"skus": ["A", "B"], "only_these_messages": True},
        {"skus": ["B", "C"], "only_these_messages": False},
    ]
    acts: list[Callable[[], Any]] = [partial(put, merchant, body) for body in bodies * 4]

    answers: list[Any] = race(*acts)

    assert {answer.status_code for answer in answers} == {200}
    assert merchant.api.get(PATH).json() in bodies


def test_refused_when_no_key_is_sent(db: None) -> None:
    response = Api().request("PUT", PATH, body={"skus": []})

    assert (response.status_code, response.json()["code"]) == (401, "key_missing")


@pytest.mark.usefixtures("goods")
def test_refused_when_the_scope_is_missing(merchant: Merchant) -> None:
    response = merchant.api_with("catalog:read").request("PUT", PATH, body={"skus": ["A"]})

    assert (response.status_code, response.json()["code"]) == (403, "scope_missing")
    assert not Selection.objects.exists()
