from __future__ import annotations

import pytest

from catalog.models import SelectedSku, Selection
from tests.cast import Api, Merchant, World

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/catalog/selection"
NOTHING = {"skus": [], "only_these_messages": False}


@pytest.fixture
def selected(shop: World, merchant: Merchant, stranger: Merchant) -> None:
    """Both merchants have selected A and want messages of it only."""
    shop.open_pool_to(stranger)
    shop.make_sku("A")
    for one in (merchant, stranger):
        body = {"skus": ["A"], "only_these_messages": True}
        one.api.request("PUT", PATH, body=body)


def left() -> tuple[list[str], list[str]]:
    """Who has selected SKUs, and who has a selection."""
    return (
        list(SelectedSku.objects.values_list("partner__code", flat=True).order_by("partner__code")),
        list(Selection.objects.values_list("partner__code", flat=True).order_by("partner__code")),
    )


@pytest.mark.usefixtures("selected")
def test_skus_and_narrowing_go_when_the_selection_is_deleted(merchant: Merchant) -> None:
    response = merchant.api.request("DELETE", PATH)

    assert (response.status_code, response.json()) == (200, NOTHING)
    assert left() == (["stranger"], ["stranger"])


@pytest.mark.usefixtures("selected")
def test_same_answer_when_it_is_deleted_twice(merchant: Merchant) -> None:
    merchant.api.request("DELETE", PATH)

    response = merchant.api.request("DELETE", PATH)

    assert (response.status_code, response.json()) == (200, NOTHING)


@pytest.mark.usefixtures("selected")
def test_first_answer_is_repeated_when_the_key_is(merchant: Merchant) -> None:
    first = merchant.api.request("DELETE", PATH, headers={"Idempotency-Key": "k"})
    merchant.api.request("PUT", PATH, body={"skus": ["A"]})

    again = merchant.api.request("DELETE", PATH, headers={"Idempotency-Key": "k"})

    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == first.json() == NOTHING
    assert merchant.api.get(PATH).json()["skus"] == ["A"]


@pytest.mark.usefixtures("selected")
@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (PATH, {"skus": []}, 422, "unknown_field"),
        (f"{PATH}?all=1", None, 400, "filter_not_allowed"),
    ],
)
def test_refused_when_something_is_asked_besides(
    merchant: Merchant, *, path: str, body: object, status: int, code: str
) -> None:
    response = merchant.api.request("DELETE", path, body=body)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert left() == (["acme", "stranger"], ["acme", "stranger"])


@pytest.mark.usefixtures("selected")
def test_refused_when_no_key_is_sent() -> None:
    response = Api().request("DELETE", PATH)

    assert (response.status_code, response.json()["code"]) == (401, "key_missing")


@pytest.mark.usefixtures("selected")
def test_refused_when_the_scope_is_missing(merchant: Merchant) -> None:
    response = merchant.api_with("catalog:read").request("DELETE", PATH)

    assert (response.status_code, response.json()["code"]) == (403, "scope_missing")
    assert left() == (["acme", "stranger"], ["acme", "stranger"])
