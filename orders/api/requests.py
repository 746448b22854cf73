"""The form of requests about orders."""

from __future__ import annotations

import re
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from catalog.errors import DuplicateSku
from openplatform.core import errors
from openplatform.core.api.fields import (
    CodedChoiceField,
    CodeField,
    MetadataField,
    MoneyField,
    QuantityField,
    RequestList,
    RequestSerializer,
    TextField,
)
from openplatform.regions.models import MAX_CODE_LENGTH
from orders.requests import Consignee, OnShortage, OrderRequest, RequestedItem

MAX_ITEMS = 1000
PHONE = re.compile(r"\+?[0-9][0-9 ()-]{4,30}", re.ASCII)


class PhoneField(TextField):
    """Digits, with blanks, brackets and dashes, 5 to 32 characters."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not PHONE.fullmatch(text):
            self.fail("invalid")
        return text


class OnShortageField(CodedChoiceField):
    """What becomes of a line that there is not enough stock for; ``reject`` when left out."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=[one.value for one in OnShortage], **kwargs)

    def to_internal_value(self, data: Any) -> OnShortage:
        return OnShortage(super().to_internal_value(data))


class ItemsList(RequestList):
    """1 to 1,000 items, each SKU once."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, list):
            if len(data) > MAX_ITEMS:  # before looking at any of them
                raise _fault(errors.TooManyItems)
            if not data:
                raise _fault(errors.FieldRequired)
        items = super().run_validation(data)
        seen: set[str] = set()
        faults = []
        for item in items:
            repeated = item["sku"] in seen
            faults.append({"sku": _details(DuplicateSku)} if repeated else {})
            seen.add(item["sku"])
        if any(faults):
            raise ValidationError(faults)
        return items


def _details(error: type[errors.DomainError]) -> list[ErrorDetail]:
    return [ErrorDetail(str(error.title), error.code)]


def _fault(error: type[errors.DomainError]) -> ValidationError:
    return ValidationError({"non_field_errors": _details(error)})


class ItemRequest(RequestSerializer):
    """A line asked for."""

    sku = CodeField()
    quantity = QuantityField()
    expected_price = MoneyField(required=False)

    class Meta:
        list_serializer_class = ItemsList


class ConsigneeRequest(RequestSerializer):
    """Who gets the goods, and where."""

    name = TextField(max_length=64)
    phone = PhoneField(max_length=32)
    region = CodeField(
        max_length=MAX_CODE_LENGTH,
        required=False,
        help_text="A district, or any code without children; left out, the address is resolved",
    )
    address = TextField(max_length=255)


class QuotedConsigneeRequest(RequestSerializer):
    """Where the goods would go: a region, or an address that tells it. The rest may be left out."""

    name = TextField(max_length=64, required=False)
    phone = PhoneField(max_length=32, required=False)
    region = CodeField(max_length=MAX_CODE_LENGTH, required=False)
    address = TextField(max_length=255, required=False)

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        if value.keys().isdisjoint({"region", "address"}):
            raise ValidationError({"region": _details(errors.FieldRequired)})
        return value


class QuoteOrderRequest(RequestSerializer):
    """``POST /orders/quotes``: the body of an order, of which these may be left out."""

    merchant_order_no = CodeField(
        required=False, help_text="Told of when it already stands for an order"
    )
    items = ItemRequest(many=True)
    consignee = QuotedConsigneeRequest()
    on_shortage = OnShortageField(
        required=False, help_text="Changes nothing: a quote is for exactly these quantities"
    )
    remark = TextField(max_length=500, required=False, allow_blank=True, multiline=True)
    purchase_order_no = TextField(max_length=64, required=False, allow_blank=True)
    metadata = MetadataField(required=False)


class PlaceOrderRequest(RequestSerializer):
    """``POST /orders``."""

    merchant_order_no = CodeField()
    items = ItemRequest(many=True)
    consignee = ConsigneeRequest()
    on_shortage = OnShortageField(
        required=False,
        help_text="`drop_line`: a line that is short is cut to what can be promised, or left out",
    )
    remark = TextField(max_length=500, required=False, allow_blank=True, multiline=True)
    purchase_order_no = TextField(max_length=64, required=False, allow_blank=True)
    quote_id = CodeField(
        required=False, help_text="Prices, freight and split as quoted, or not at all"
    )
    metadata = MetadataField(required=False)


def as_order_request(body: dict[str, Any]) -> OrderRequest:
    """A validated body as the service takes it."""
    consignee = body["consignee"]
    return OrderRequest(
        merchant_order_no=body["merchant_order_no"],
        items=_items(body),
        consignee=Consignee(
            name=consignee["name"],
            phone=consignee["phone"],
            region=consignee.get("region"),
            address=consignee["address"],
        ),
        on_shortage=body.get("on_shortage", OnShortage.REJECT),
        remark=body.get("remark", ""),
        purchase_order_no=body.get("purchase_order_no", ""),
        quote_id=body.get("quote_id", ""),
        metadata=body.get("metadata", {}),
    )


def as_quote_request(body: dict[str, Any]) -> OrderRequest:
    """The order that is asked about, as far as a quote depends on it."""
    consignee = body["consignee"]
    return OrderRequest(
        merchant_order_no=body.get("merchant_order_no", ""),
        items=_items(body),
        consignee=Consignee(
            name="", phone="", region=consignee.get("region"), address=consignee.get("address", "")
        ),
    )


def _items(body: dict[str, Any]) -> list[RequestedItem]:
    return [
        RequestedItem(item["sku"], item["quantity"], item.get("expected_price"))
        for item in body["items"]
    ]
