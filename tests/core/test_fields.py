"""Fields that read requests as the contract is written: rows 5 and 10 of bad input, and money."""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from typing import Any

import pytest
from django.utils import translation
from rest_framework import serializers

from openplatform.core.api.fields import (
    CodeField,
    EmptyRequest,
    FlagField,
    MetadataField,
    MoneyField,
    QuantityField,
    RequestSerializer,
    TextField,
    read_body,
)
from openplatform.core.errors import Refusal


class LineRequest(RequestSerializer):
    """A part of the request below."""

    sku = CodeField()
    quantity = QuantityField()


class SampleRequest(RequestSerializer):
    """One field of each kind."""

    no = CodeField(required=False)
    text = TextField(required=False, max_length=10)
    lines_of_text = TextField(required=False, multiline=True, allow_blank=True)
    quantity = QuantityField(required=False)
    price = MoneyField(required=False)
    metadata = MetadataField(required=False)
    flag = FlagField(required=False)
    lines = LineRequest(many=True, required=False)
    child = LineRequest(required=False)


SAMPLE = SampleRequest()


def faults_of(data: Any, serializer: RequestSerializer = SAMPLE) -> list[tuple[str, str]]:
    with pytest.raises(Refusal) as refusal:
        read_body(serializer, data)
    return [(fault.pointer, fault.code) for fault in refusal.value.faults]


def details_of(data: Any) -> list[tuple[str, str]]:
    with pytest.raises(Refusal) as refusal:
        read_body(SAMPLE, data)
    return [(fault.pointer, str(fault.detail)) for fault in refusal.value.faults]


@pytest.mark.parametrize("value", [1, 2, 999_999, 1_000_000])
def test_quantity_is_read_when_it_is_a_whole_number(value: int) -> None:
    assert read_body(SAMPLE, {"quantity": value}) == {"quantity": value}


@pytest.mark.parametrize(
    "value",
    [
        *(0, -1, 1.5, 1.0, True, False, 1_000_001, 2**31, 2**63, 10**30, -(2**63)),
        *("1", "1_000", "１", "3.0", "", " 1", "NaN", [], [1], {}, {"a": 1}, float("1e3")),
    ],
    ids=repr,
)
def test_quantity_is_refused_when_it_is_anything_else(value: Any) -> None:
    assert faults_of({"quantity": value}) == [("/quantity", "quantity_invalid")]


def test_null_is_as_good_as_left_out_when_the_field_is_optional() -> None:
    assert read_body(SAMPLE, {"quantity": None, "text": None}) == {}


@pytest.mark.parametrize("value", [None, 0, 1, "true", "", [], {}], ids=repr)
def test_flag_is_refused_when_it_is_neither_true_nor_false(value: Any) -> None:
    class DefaultRequest(RequestSerializer):
        flag = FlagField(required=False, default=False)

    assert faults_of({"flag": value}) == [("/flag", "field_invalid")]
    assert faults_of({"flag": value}, DefaultRequest()) == [("/flag", "field_invalid")]


def test_flag_is_its_default_when_it_is_left_out() -> None:
    class DefaultRequest(RequestSerializer):
        flag = FlagField(required=False, default=True)

    assert read_body(SAMPLE, {}) == {}
    assert read_body(DefaultRequest(), {}) == {"flag": True}
    assert read_body(DefaultRequest(), {"flag": False}) == {"flag": False}


def test_details_are_our_words_when_the_form_is_wrong() -> None:
    details = {
        "": [("", "An object is expected here")],
        "lines": [("/lines", "A list is expected here")],
        "line": [("/lines/0", "An object is expected here")],
        "child": [("/child", "An object is expected here")],
        "text": [("/text", "This value is not valid")],
        "long": [("/text", "At most 10 characters are taken here")],
        "no": [("/no", "At most 64 characters are taken here")],
        "empty": [("/text", "This field is required")],
        "null": [
            ("/lines/0/sku", "This field is required"),
            ("/lines/0/quantity", "This field is required"),
        ],
    }
    bodies: dict[str, Any] = {
        "": [],
        "lines": {"lines": {}},
        "line": {"lines": ["a"]},
        "child": {"child": 1},
        "text": {"text": 1},
        "long": {"text": "x" * 11},
        "no": {"no": "x" * 100_000},
        "empty": {"text": ""},
        "null": {"lines": [{"sku": None}]},
    }

    with translation.override("en"):
        told = {name: details_of(body) for name, body in bodies.items()}

    assert told == details


def test_null_is_as_good_as_left_out_when_the_field_is_unknown() -> None:
    assert read_body(SAMPLE, {"lines": [{"sku": "A", "quantity": 1, "price": None}]}) == {
        "lines": [{"sku": "A", "quantity": 1}]
    }


def test_null_is_refused_when_a_request_takes_none() -> None:
    class ChangeRequest(RequestSerializer):
        takes_null = False

        no = CodeField(required=False)
        text = TextField(required=False, allow_blank=True)

    assert faults_of({"no": None, "other": None, "text": ""}, ChangeRequest()) == [
        ("/other", "unknown_field"),
        ("/no", "field_invalid"),
    ]
    assert read_body(ChangeRequest(), {"text": ""}) == {"text": ""}


def test_field_is_required_when_it_is_null() -> None:
    assert faults_of({"lines": [{"sku": None, "quantity": None}]}) == [
        ("/lines/0/sku", "field_required"),
        ("/lines/0/quantity", "field_required"),
    ]


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("0.00", "0.00"),
        ("0.01", "0.01"),
        ("128.50", "128.50"),
        ("9999999999.99", "9999999999.99"),
    ],
)
def test_amount_is_read_when_it_has_two_decimals(value: str, amount: str) -> None:
    assert read_body(SAMPLE, {"price": value}) == {"price": Decimal(amount)}


@pytest.mark.parametrize(
    "value",
    [
        *("1", "1.0", "1.000", "01.00", ".50", "-1.00", "+1.00", "1,00", "1e2", "1_0.00", " 1.00"),
        *("1.00 ", "1.00\n", "１.00", "1.０0", "NaN", "Infinity", "", "10000000000.00"),
        *(1, 1.5, 128.50, True, [], {}, ["1.00"], "9" * 100_000),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_amount_is_refused_when_it_is_anything_else(value: Any) -> None:
    assert faults_of({"price": value}) == [("/price", "field_invalid")]


@pytest.mark.parametrize("value", ["A", "a.B_c-9", "0", "x" * 64, "..", "-"])
def test_code_is_read_when_its_characters_are_plain(value: str) -> None:
    assert read_body(SAMPLE, {"no": value}) == {"no": value}


def test_code_is_refused_when_it_is_longer_than_its_field_takes() -> None:
    class ShortRequest(RequestSerializer):
        region = CodeField(max_length=12)

    serializer = ShortRequest()

    assert read_body(serializer, {"region": "x" * 12}) == {"region": "x" * 12}
    assert faults_of({"region": "x" * 13}, serializer) == [("/region", "field_invalid")]


UNSEEN = [
    " M-1",
    "M-1 ",
    "\u3000M-1",
    "M-1\u00a0",
    "M-1\n",
    "\tM-1",
    "M\u200b1",
    "M\u200d1",
    "M\u202e1",
    "M\u20281",
    "M\u20291",
    "\ufeffM1",
    "M\x001",
    "M\x1b1",
    "M\x7f1",
    "M\u00851",
    "M\ue0001"[:2] + "\U000e0041",
    "M\U0010ffff1",
    unicodedata.normalize("NFD", "é"),
]


@pytest.mark.parametrize("value", UNSEEN, ids=ascii)
def test_text_and_code_are_refused_when_they_are_not_what_they_look_like(value: str) -> None:
    assert faults_of({"text": value}) == [("/text", "string_invalid")]
    assert faults_of({"no": value}) == [("/no", "string_invalid")]


@pytest.mark.parametrize("value", ["é", "１", "张", "a b", "a/b", "a'b", "x" * 65, "М"], ids=ascii)
def test_code_is_refused_when_it_has_other_characters(value: str) -> None:
    assert faults_of({"no": value}) == [("/no", "string_invalid")]


@pytest.mark.parametrize("value", ["张三", "é", "👍", "a b", "<b>", "1 号", "=1+1", "x" * 10])
def test_text_is_kept_as_it_is_when_it_is_visible(value: str) -> None:
    assert read_body(SAMPLE, {"text": value}) == {"text": value}


@pytest.mark.parametrize("value", [1, 1.5, True, [], ["a"], {}, {"a": 1}], ids=repr)
def test_text_is_refused_when_it_is_no_string(value: Any) -> None:
    assert faults_of({"text": value}) == [("/text", "field_invalid")]


@pytest.mark.parametrize(
    ("value", "code"),
    [("", "field_required"), ("x" * 11, "field_invalid")],
)
def test_text_is_refused_when_it_is_empty_or_too_long(value: str, code: str) -> None:
    assert faults_of({"text": value}) == [("/text", code)]


def test_line_breaks_stay_when_the_text_may_have_lines() -> None:
    assert read_body(SAMPLE, {"lines_of_text": "a\r\n\tb\nc"}) == {"lines_of_text": "a\r\n\tb\nc"}
    assert read_body(SAMPLE, {"lines_of_text": ""}) == {"lines_of_text": ""}


@pytest.mark.parametrize("value", ["a\x0bb", "a\u2028b", "a\u200b\nb", "\na", "a\n"], ids=ascii)
def test_text_of_lines_is_refused_when_it_hides_something(value: str) -> None:
    assert faults_of({"lines_of_text": value}) == [("/lines_of_text", "string_invalid")]


def test_metadata_is_read_when_it_is_an_object_of_texts() -> None:
    metadata = {"k" * 40: "v" * 500, **{str(number): "" for number in range(49)}}

    assert read_body(SAMPLE, {"metadata": metadata}) == {"metadata": metadata}


@pytest.mark.parametrize(
    "value",
    [
        [],
        "a",
        {"a": 1},
        {"a": None},
        {"a": {}},
        {"": "a"},
        {"k" * 41: ""},
        {"k": "v" * 501},
        {str(number): "" for number in range(51)},
    ],
    ids=lambda value: repr(value)[:20],
)
def test_metadata_is_refused_when_it_is_anything_else(value: Any) -> None:
    assert faults_of({"metadata": value}) == [("/metadata", "field_invalid")]


def test_every_fault_is_told_with_its_place_when_there_are_several() -> None:
    body = {
        "price": 1,
        "status": "paid",
        "lines": [{"sku": "A", "quantity": 1}, {"sku": " A", "quantity": 0, "price": "1.00"}],
        "child": {"a/b~c": 1},
    }

    assert sorted(faults_of(body)) == [
        ("/child/a~1b~0c", "unknown_field"),
        ("/child/quantity", "field_required"),
        ("/child/sku", "field_required"),
        ("/lines/1/price", "unknown_field"),
        ("/lines/1/quantity", "quantity_invalid"),
        ("/lines/1/sku", "string_invalid"),
        ("/price", "field_invalid"),
        ("/status", "unknown_field"),
    ]


def test_unknown_field_is_refused_when_all_else_is_right() -> None:
    assert faults_of({"quantity": 1, "Quantity": 1}) == [("/Quantity", "unknown_field")]


@pytest.mark.parametrize("body", [[], "text", 1, True, 1.5, [{}]], ids=repr)
def test_body_is_refused_when_it_is_no_object(body: Any) -> None:
    assert faults_of(body) == [("", "field_invalid")]


@pytest.mark.parametrize("body", [{"lines": {}}, {"lines": "A"}, {"lines": 1}])
def test_list_is_refused_when_it_is_none(body: Any) -> None:
    assert faults_of(body) == [("/lines", "field_invalid")]


def test_item_is_refused_when_it_is_no_object() -> None:
    assert faults_of({"lines": [1]}) == [("/lines/0", "field_invalid")]


def test_empty_request_takes_nothing_but_an_empty_object() -> None:
    assert read_body(EmptyRequest(), {}) == {}
    assert faults_of({"force": True}, EmptyRequest()) == [("/force", "unknown_field")]


def test_answers_are_written_in_the_form_of_the_contract() -> None:
    class Answer(serializers.Serializer[Any]):
        price = MoneyField()
        quantity = QuantityField()

    assert Answer({"price": Decimal("3.5"), "quantity": 0}).data == {
        "price": "3.50",
        "quantity": 0,
    }


class CheckedRequest(RequestSerializer):
    """What DRF offers beside plain fields."""

    quantity = QuantityField(required=False, default=7)
    number = QuantityField(source="other_name")
    shown = QuantityField(read_only=True)

    def validate_quantity(self, quantity: int) -> int:
        if quantity % 7:
            raise serializers.ValidationError("odd", code="wrong_step")
        return quantity

    def validate(self, attrs: dict[str, int]) -> dict[str, int]:
        if attrs["quantity"] < attrs["other_name"]:
            raise serializers.ValidationError("less", code="below_minimum")
        return attrs


def test_default_is_filled_in_when_the_field_is_left_out() -> None:
    body = {"number": 1, "shown": 3}

    assert read_body(CheckedRequest(), body) == {"quantity": 7, "other_name": 1}


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({"quantity": 8, "number": 1}, [("/quantity", "wrong_step")]),
        (
            {"quantity": 8, "number": 0},
            [("/quantity", "wrong_step"), ("/number", "quantity_invalid")],
        ),
        ({"quantity": 14, "number": 15}, [("", "below_minimum")]),
    ],
)
def test_body_is_refused_when_the_request_s_own_checks_say_so(
    body: Any, faults: list[tuple[str, str]]
) -> None:
    assert faults_of(body, CheckedRequest()) == faults


def test_twenty_unknown_fields_are_named_when_there_are_very_many() -> None:
    faults = faults_of({f"x{number:03}": 1 for number in range(500)})

    assert faults[:20] == [(f"/x{number:03}", "unknown_field") for number in range(20)]
    assert [code for _pointer, code in faults].count("unknown_field") == 20
