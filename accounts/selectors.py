"""Reads of partners, keys and money."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import QuerySet

from accounts.models import ApiKey, LedgerEntry, Partner, Wallet
from openplatform.core import money
from openplatform.core.clock import to_text
from openplatform.core.errors import NotFound
from openplatform.core.statements import send

# Read for nearly every request, so a plain statement: the ORM takes a fifth of a placement for it.
FIND_API_KEY = """
    SELECT id, partner_id, scopes, expires_at, revoked_at, last_used_at
    FROM accounts_apikey WHERE digest = %s
"""


class KeyRow(NamedTuple):
    """What authentication needs to know of a key."""

    id: int
    partner_id: int
    scopes: list[str]
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


def find_api_key(*, digest: bytes) -> KeyRow | None:
    """The key with this digest, whatever its state."""
    row = send(FIND_API_KEY, [digest]).row()
    return None if row is None else KeyRow(*row)


def get_partner(*, code: str) -> Partner:
    """:raises NotFound: when there is none."""
    partner = Partner.objects.filter(code=code).first()
    if partner is None:
        raise NotFound
    return partner


def get_key_document(*, key_id: int) -> dict[str, Any]:
    """``GET /key``."""
    key = ApiKey.objects.get(pk=key_id)
    return {"prefix": key.prefix, "scopes": key.scopes, "expires_at": to_text(key.expires_at)}


def get_account_document(*, partner_id: int) -> dict[str, Any]:
    """``GET /account``; ``daily_spend`` and ``runway_days`` are null until they are computed."""
    wallet = Wallet.objects.select_related("partner").get(pk=partner_id)
    return {
        "partner": {"code": wallet.partner.code, "name": wallet.partner.name},
        "currency": settings.CURRENCY,
        "balance": money.to_text(wallet.balance),
        "credit_limit": money.to_text(wallet.credit_limit),
        "held_amount": money.to_text(wallet.held_amount),
        "available": money.to_text(wallet.available_amount),
        "alert_threshold": money.to_text(wallet.alert_threshold),
        "daily_spend": None,
        "runway_days": None,
        "status": wallet.partner.status,
    }


def list_ledger_entries(*, partner_id: int) -> QuerySet[LedgerEntry]:
    """A partner's entries, oldest first."""
    return LedgerEntry.objects.filter(partner_id=partner_id).order_by("entry_no")


def entry_document(entry: LedgerEntry) -> dict[str, Any]:
    """One row of ``GET /account/entries``."""
    return {
        "entry_no": str(entry.entry_no),
        "kind": entry.kind,
        "amount": money.to_text(entry.amount),
        "balance_after": money.to_text(entry.balance_after),
        "order_no": entry.order_no or None,
        "suborder_no": entry.suborder_no or None,
        "aftersale_no": entry.aftersale_no or None,
        "note": entry.note or None,
        "created_at": to_text(entry.created_at),
    }
