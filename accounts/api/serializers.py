"""The forms of keys, accounts and ledger entries, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.models import LedgerEntry, Partner
from openplatform.core.api.fields import MoneyField
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
    held_amount = MoneyField()
    available = MoneyField()
    alert_threshold = MoneyField()
    daily_spend = MoneyField(allow_null=True)
    runway_days = serializers.IntegerField(allow_null=True)
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
