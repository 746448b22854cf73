from __future__ import annotations

import pytest
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from openplatform.core.api.filters import read_codes, require_known_parameters
from openplatform.core.errors import FieldRequired, Refusal, TooManyItems


def request_for(query: str) -> Request:
    return Request(APIRequestFactory().get(f"/api/v1/list?{query}"))


def test_each_parameter_is_named_when_several_are_unknown() -> None:
    with pytest.raises(Refusal) as refusal:
        require_known_parameters(request_for("b__gt=1&known=1&a=&" + "x" * 100), "known")

    assert [(fault.code, fault.pointer) for fault in refusal.value.faults] == [
        ("filter_not_allowed", "?a"),
        ("filter_not_allowed", "?b__gt"),
        ("filter_not_allowed", "?" + "x" * 64),
    ]


def test_codes_keep_the_order_asked_for_when_they_are_read() -> None:
    assert read_codes(request_for("sku=B,A,,C,B"), "sku") == ["B", "A", "C", "B"]


@pytest.mark.parametrize("query", ["", "sku=", "sku=,,"])
def test_codes_are_required_when_there_are_none(query: str) -> None:
    with pytest.raises(FieldRequired) as refusal:
        read_codes(request_for(query), "sku")

    assert refusal.value.pointer == "?sku"


def test_codes_are_refused_when_they_are_more_than_a_hundred() -> None:
    hundred = ",".join(str(number) for number in range(100))

    assert len(read_codes(request_for(f"sku={hundred}"), "sku")) == 100
    with pytest.raises(TooManyItems) as refusal:
        read_codes(request_for(f"sku={hundred},100"), "sku")
    assert refusal.value.facts == {"maximum": 100}
