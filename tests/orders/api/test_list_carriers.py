"""GET /carriers."""

from __future__ import annotations

from openplatform.core.scopes import Scope
from orders.models import Carrier
from tests.cast import Api, Merchant


def test_carriers_in_use_are_listed_by_code(merchant: Merchant) -> None:
    Carrier.objects.create(code="zto", name="中通快递")
    Carrier.objects.create(code="sf", name="顺丰速运")
    Carrier.objects.create(code="gone", name="停用", is_active=False)

    response = merchant.api.get("/carriers")

    assert response.status_code == 200
    assert response.json() == {
        "results": [{"code": "sf", "name": "顺丰速运"}, {"code": "zto", "name": "中通快递"}]
    }


def test_any_key_will_do(merchant: Merchant) -> None:
    answers = [merchant.api_with(scope).get("/carriers") for scope in Scope.values]

    assert {answer.status_code for answer in answers} == {200}


def test_refused_without_a_key(merchant: Merchant) -> None:
    response = Api().get("/carriers")

    assert (response.status_code, response.json()["code"]) == (401, "key_missing")


def test_unknown_parameter_is_refused(merchant: Merchant) -> None:
    response = merchant.api.get("/carriers", q="sf")

    assert (response.status_code, response.json()["code"]) == (400, "filter_not_allowed")
