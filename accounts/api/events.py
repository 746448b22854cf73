"""The forms of messages about an account, with an example of each."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts.api.serializers import AccountSerializer, TopUpSerializer


class AccountNewsSerializer(serializers.Serializer[Any]):
    """The account as it was then."""

    account = AccountSerializer()


class TopUpNewsSerializer(AccountNewsSerializer):
    """A top-up that was decided, and the account as it was then."""

    top_up = TopUpSerializer()


class EndingKeySerializer(serializers.Serializer[Any]):
    """A key, by what is no secret of it."""

    prefix = serializers.CharField(help_text=_("The first characters of the key"))
    note = serializers.CharField(allow_blank=True, help_text=_("What it was made for"))
    scopes = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField()


class KeyNewsSerializer(serializers.Serializer[Any]):
    """A key that ends soon."""

    key = EndingKeySerializer()
    days_left = serializers.IntegerField(
        min_value=1, help_text=_("Days until it ends, those begun counted in")
    )


_ACCOUNT = {
    "partner": {"code": "sunrise", "name": "Sunrise Trading"},
    "currency": "CNY",
    "balance": "8250.00",
    "credit_limit": "5000.00",
    "held_amount": "1250.00",
    "available": "12000.00",
    "alert_threshold": "3000.00",
    "daily_spend": "640.00",
    "runway_days": 18,
    "status": "active",
}
_LOW = {
    **_ACCOUNT, "balance": "1150.00", "held_amount": "3250.00", "available": "2900.00",
    "runway_days": 4,
}  # fmt: skip
_TOP_UP = {
    "top_up_no": "T2603013F7K2M9QXA",
    "status": "approved",
    "currency": "CNY",
    "amount": "5000.00",
    "approved_amount": "5000.00",
    "reference": "ICBC-20260301-0042",
    "paid_at": "2026-03-01T10:12:00+08:00",
    "proof_id": None,
    "reject_reason": None,
    "created_at": "2026-03-01T10:20:31.204518+08:00",
    "decided_at": "2026-03-01T14:05:12.660193+08:00",
}
_REJECTED = {
    **_TOP_UP, "status": "rejected", "approved_amount": None,
    "reject_reason": "No such transfer has arrived",
}  # fmt: skip
EXAMPLES: dict[str, dict[str, Any]] = {
    "account.balance_low": {"account": _LOW},
    "account.topped_up": {"account": _ACCOUNT, "top_up": _TOP_UP},
    "account.top_up_rejected": {"account": _LOW, "top_up": _REJECTED},
    "account.changed": {"account": _ACCOUNT},
    "key.expiring": {
        "key": {
            "prefix": "op_7Hq2ZkWd",
            "note": "shop",
            "scopes": ["catalog:read", "orders:read", "orders:write"],
            "expires_at": "2026-03-08T00:00:00+08:00",
        },
        "days_left": 7,
    },
}
