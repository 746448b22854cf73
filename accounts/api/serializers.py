"""The forms of keys, accounts and ledger entries, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts.models import LedgerEntry, Partner, TopUp
from openplatform.core.api.fields import (
    CodeField,
    MomentField,
    MoneyField,
    RequestSerializer,
    UploadField,
)
from openplatform.core.scopes import Scope


class KeySerializer(serializers.Serializer[Any]):
    """The key that asks."""

    prefix = serializers.CharField()
    scopes = serializers.ListField(child=serializers.ChoiceField(Scope.choices))
    expires_at = serializers.DateTimeField(allow_null=True)


class PartnerSerializer(serializers.Serializer[Any]):
    """Whom the key belongs to."""

    code = serializers.CharField()
    name = serializers.CharField()


class AccountSerializer(serializers.Serializer[Any]):
    """Money as it stands; ``available`` is ``balance + credit_limit - held_amount``."""

    partner = PartnerSerializer()
    currency = serializers.CharField()
    balance = MoneyField()
    credit_limit = MoneyField()
    held_amount = MoneyField(help_text=_("Set aside for orders that are not confirmed yet"))
    available = MoneyField(help_text=_("What orders can be placed with"))
    alert_threshold = MoneyField(help_text=_("Below it you are told that little is left"))
    daily_spend = MoneyField(
        allow_null=True, help_text=_("On average of late; null when too little is known")
    )
    runway_days = serializers.IntegerField(
        allow_null=True, help_text=_("For so many days what is available lasts at that rate")
    )
    status = serializers.ChoiceField(Partner.Status.choices)


class LedgerEntrySerializer(serializers.Serializer[Any]):
    """One movement of the balance."""

    entry_no = serializers.CharField()
    kind = serializers.ChoiceField(LedgerEntry.Kind.choices)
    amount = MoneyField()
    balance_after = MoneyField()
    order_no = serializers.CharField(allow_null=True)
    suborder_no = serializers.CharField(allow_null=True)
    aftersale_no = serializers.CharField(allow_null=True)
    note = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()


class LedgerEntryListSerializer(serializers.Serializer[Any]):
    """A page of entries, the newest last."""

    results = LedgerEntrySerializer(many=True)
    next = serializers.CharField(allow_null=True)


class ReportTopUpRequest(RequestSerializer):
    """A transfer that the merchant made."""

    amount = MoneyField()
    reference = CodeField(help_text="The number of the bank transfer, unique for ever")
    paid_at = MomentField()
    proof_id = CodeField(required=False, help_text="Of a picture or PDF sent before")


class SendProofRequest(RequestSerializer):
    """A picture or PDF of the transfer."""

    file = UploadField(help_text="JPEG, PNG, WebP, GIF or PDF, up to 10 MB")


class TopUpProofSerializer(serializers.Serializer[Any]):
    """The file as it is kept: written anew, without anything that was hidden in it."""

    proof_id = serializers.CharField()
    media_type = serializers.CharField()
    size_bytes = serializers.IntegerField()
    sha256 = serializers.CharField()
    url = serializers.CharField(help_text="Shows it, until `url_expires_at`")
    url_expires_at = serializers.DateTimeField()


class TopUpSerializer(serializers.Serializer[Any]):
    """A transfer and what was decided on it."""

    top_up_no = serializers.CharField()
    status = serializers.ChoiceField(TopUp.Status.choices)
    currency = serializers.CharField()
    amount = MoneyField()
    approved_amount = MoneyField(allow_null=True)
    reference = serializers.CharField()
    paid_at = serializers.DateTimeField(allow_null=True)
    proof_id = serializers.CharField(allow_null=True)
    reject_reason = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)


class TopUpListSerializer(serializers.Serializer[Any]):
    """A page of top-ups, the newest last."""

    results = TopUpSerializer(many=True)
    next = serializers.CharField(allow_null=True)
