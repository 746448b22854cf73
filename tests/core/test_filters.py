from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Group
from django_filters import CharFilter, FilterSet
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from openplatform.core.api.filters import (
    MomentFilter,
    read_codes,
    read_filters,
    require_known_parameters,
)
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


def test_parameter_is_refused_when_it_comes_twice() -> None:
    with pytest.raises(Refusal) as refusal:
        read_codes(request_for("sku=A&sku=B"), "sku")

    assert [(fault.code, fault.pointer) for fault in refusal.value.faults] == [
        ("field_invalid", "?sku")
    ]


class Moments(FilterSet):
    at = MomentFilter()
    text = CharFilter()

    class Meta:
        model = Group
        fields: list[str] = []


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-31T23:59:59Z",
        "2024-01-31t23:59:59.5z",
        "2024-02-01T07:59:59.123456789%2B08:00",
        "2024-02-01T07:59:59+08:00",
    ],
)
def test_time_is_read_when_it_is_written_as_rfc_3339_says(text: str) -> None:
    moment = read_filters(Moments, request_for(f"at={text}"))["at"]

    assert moment.replace(microsecond=0) == datetime(2024, 1, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        *("2024-01-01", "2024-01-01T00:00:00", "20240101T000000Z", "2024-W01-1T00:00:00Z"),
        *("２０２４-01-01T00:00:00Z", "2024-02-30T00:00:00Z", "2024-01-01T00:00Z", "1704067200"),
    ],
)
def test_time_is_refused_when_it_is_written_in_another_way(text: str) -> None:
    with pytest.raises(Refusal) as refusal:
        read_filters(Moments, request_for(f"at={text}"))

    assert [(fault.code, fault.pointer) for fault in refusal.value.faults] == [
        ("field_invalid", "?at")
    ]


def test_text_is_refused_when_it_holds_a_nul() -> None:
    with pytest.raises(Refusal) as refusal:
        read_filters(Moments, request_for("text=a%00b"))

    assert [(fault.code, fault.pointer) for fault in refusal.value.faults] == [
        ("string_invalid", "?text")
    ]
