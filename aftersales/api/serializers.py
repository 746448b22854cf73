"""The form of answers about claims, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from aftersales.models import ClaimLine, ClaimType
from aftersales.services.transitions import Side
from aftersales.states import ClaimStatus
from openplatform.connectors.parcels import ParcelStatus
from openplatform.core.api.fields import MoneyField
from orders.api.serializers import CarrierSerializer

SIDES = [side.value for side in Side]


class ClaimPictureSerializer(serializers.Serializer[Any]):
    """A picture; the links are made for each answer, and null in messages."""

    picture_id = serializers.CharField()
    width = serializers.IntegerField(help_text=_("Pixels"))
    height = serializers.IntegerField(help_text=_("Pixels"))
    url = serializers.CharField(allow_null=True, help_text=_("Shows it, until `expires_at`"))
    thumbnail_url = serializers.CharField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)


class ClaimItemSerializer(serializers.Serializer[Any]):
    """Units of a line, and what each step made of them."""

    line_no = serializers.CharField()
    sku = serializers.CharField()
    quantity = serializers.IntegerField(help_text=_("Claimed"))
    approved_quantity = serializers.IntegerField(allow_null=True)
    received_quantity = serializers.IntegerField(allow_null=True)
    accepted_quantity = serializers.IntegerField(allow_null=True)
    inspection = serializers.ChoiceField(ClaimLine.Inspection.choices, allow_null=True)
    refund_amount = MoneyField(
        help_text=_("Asked for at first, then decided, at last refunded; 0.00 if nothing was")
    )


class ReturnAddressSerializer(serializers.Serializer[Any]):
    """Where the goods are to be sent."""

    name = serializers.CharField()
    phone = serializers.CharField()
    address = serializers.CharField()


class ReturnParcelSerializer(serializers.Serializer[Any]):
    """A parcel with goods on their way back."""

    carrier = CarrierSerializer()
    waybill_no = serializers.CharField()
    shipped_at = serializers.DateTimeField()
    status = serializers.ChoiceField(ParcelStatus.choices)
    delivered_at = serializers.DateTimeField(allow_null=True)


class SendBackSerializer(serializers.Serializer[Any]):
    """The parcel in which goods that were not accepted are sent back."""

    carrier = CarrierSerializer()
    waybill_no = serializers.CharField()


# A field called `from` cannot be written as an attribute.
ClaimEventSerializer: type[serializers.Serializer[Any]] = type(
    "ClaimEventSerializer",
    (serializers.Serializer,),
    {
        "__doc__": "A change of state.",
        "__module__": __name__,
        "at": serializers.DateTimeField(),
        "from": serializers.ChoiceField(ClaimStatus.choices, allow_null=True),
        "to": serializers.ChoiceField(ClaimStatus.choices),
        "actor": serializers.ChoiceField(SIDES),
        "note": serializers.CharField(allow_null=True),
    },
)


class ClaimNoteSerializer(serializers.Serializer[Any]):
    """What one side wrote."""

    at = serializers.DateTimeField()
    actor = serializers.ChoiceField(SIDES)
    text = serializers.CharField()
    pictures = ClaimPictureSerializer(many=True)


class ClaimSerializer(serializers.Serializer[Any]):
    """A claim."""

    aftersale_no = serializers.CharField()
    merchant_aftersale_no = serializers.CharField(
        allow_null=True, help_text=_("Null when an operator opened it")
    )
    order_no = serializers.CharField(help_text=_("Of the suborder"))
    parent_order_no = serializers.CharField()
    type = serializers.ChoiceField(ClaimType.choices)
    status = serializers.ChoiceField(ClaimStatus.choices)
    currency = serializers.CharField()
    reason = serializers.CharField()
    description = serializers.CharField(allow_null=True)
    pictures = ClaimPictureSerializer(many=True)
    items = ClaimItemSerializer(many=True)
    goods_refund_amount = MoneyField(
        help_text=_(
            "Like the other amounts asked for at first, then decided, at last refunded; 0.00 once"
            " the claim ended without a refund"
        )
    )
    freight_refund_amount = MoneyField()
    refund_amount = MoneyField(help_text=_("Goods and freight"))
    decision_note = serializers.CharField(allow_null=True)
    inspection_pictures = ClaimPictureSerializer(many=True)
    deadline = serializers.DateTimeField(
        allow_null=True, help_text=_("Of whoever is to act next; null when nobody is")
    )
    return_address = ReturnAddressSerializer(allow_null=True)
    return_shipments = ReturnParcelSerializer(many=True)
    send_back = SendBackSerializer(allow_null=True)
    history = ClaimEventSerializer(many=True)
    notes = ClaimNoteSerializer(many=True)
    version = serializers.IntegerField(help_text=_("Rises with every change of the claim"))
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class ClaimListSerializer(serializers.Serializer[Any]):
    """A page of claims; ``as_of`` comes with ``updated_after`` only."""

    results = ClaimSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    as_of = serializers.DateTimeField(required=False)


class ClaimableLineSerializer(serializers.Serializer[Any]):
    """A line, and what of it can be claimed now."""

    line_no = serializers.CharField()
    order_no = serializers.CharField(help_text=_("Of its suborder, which the claim names"))
    sku = serializers.CharField()
    name = serializers.CharField()
    claimable_quantity = serializers.IntegerField(help_text=_("Units that can be claimed"))
    returnable_quantity = serializers.IntegerField(
        help_text=_("Of them, those that were shipped, for `return_refund`")
    )
    types = serializers.ListField(child=serializers.ChoiceField(ClaimType.choices))
    until = serializers.DateTimeField(
        allow_null=True, help_text=_("End of the time for claims; null until it was received")
    )
    refundable_amount = MoneyField(help_text=_("Of the claimable units, without freight"))


class ReasonSerializer(serializers.Serializer[Any]):
    """Why something may be claimed."""

    code = serializers.CharField()
    name = serializers.CharField()
    types = serializers.ListField(child=serializers.ChoiceField(ClaimType.choices))
    pictures_required = serializers.BooleanField()


class ClaimOptionsSerializer(serializers.Serializer[Any]):
    """What can be claimed of an order or suborder."""

    order_no = serializers.CharField()
    currency = serializers.CharField()
    refundable_freight = MoneyField(
        help_text=_(
            "What is left of the freight. It goes back by itself when everything is refunded before"
            " any of it was shipped, else if an operator decides so"
        )
    )
    lines = ClaimableLineSerializer(many=True)
    reasons = ReasonSerializer(many=True)
