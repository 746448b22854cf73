"""Reads of partners, keys and money."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import QuerySet

from accounts.models import ApiKey, BookCheck, LedgerEntry, Partner, TopUp, Wallet
from accounts.spending import get_runway
from openplatform.core import money
from openplatform.core.clock import to_text
from openplatform.core.errors import NotFound
from openplatform.core.statements import send

# Read for nearly every request, so a plain statement: the ORM takes a fifth of a placement for it.
FIND_API_KEY = """
    SELECT key.id, key.partner_id, key.prefix, key.scopes, key.expires_at, key.revoked_at,
        key.last_used_at, key.allowed_networks, key.public_key, key.requires_signature,
        key.requests_per_minute, partner.requests_per_minute,
        key.xmin::text || ':' || partner.xmin::text AS version
    FROM accounts_apikey AS key JOIN accounts_partner AS partner ON partner.id = key.partner_id
    WHERE key.digest = %s
"""
# `version` names the transactions that wrote the two rows last.
CHANGED_KEYS = """
    SELECT known.digest
    FROM unnest(%(digests)s::bytea[], %(versions)s::text[]) AS known (digest, version)
    LEFT JOIN accounts_apikey key ON key.digest = known.digest
    LEFT JOIN accounts_partner partner ON partner.id = key.partner_id
    WHERE known.version IS DISTINCT FROM key.xmin::text || ':' || partner.xmin::text
"""

MAX_OPEN_HOLDS = 100
OPEN_HOLDS = """
    SELECT order_no, amount, created_at FROM accounts_holdentry held
    WHERE partner_id = %s AND kind = 'held' AND NOT EXISTS (
        SELECT FROM accounts_holdentry ended
        WHERE ended.order_no = held.order_no AND ended.kind <> 'held'
    )
    ORDER BY hold_no DESC LIMIT %s
"""


class KeyRow(NamedTuple):
    """What authentication needs to know of a key."""

    id: int
    partner_id: int
    prefix: str
    scopes: list[str]
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    allowed_networks: list[str]
    public_key: str
    requires_signature: bool
    key_per_minute: int | None
    partner_per_minute: int | None
    version: str


class OpenHold(NamedTuple):
    """What one order that is not paid yet holds."""

    order_no: str
    amount: Decimal
    held_at: datetime


def list_partner_ids() -> list[int]:
    """Every partner, suspended ones too: who a message for everybody goes to."""
    return list(Partner.objects.order_by("pk").values_list("pk", flat=True))


def find_api_key(*, digest: bytes) -> KeyRow | None:
    """The key with this digest, whatever its state."""
    row = send(FIND_API_KEY, [digest]).row()
    return None if row is None else KeyRow(*row)


def list_changed_keys(*, versions: Mapping[bytes, str]) -> frozenset[bytes]:
    """Which of these digests stand for another key than when it had this version, or for none."""
    parameters = {"digests": list(versions), "versions": list(versions.values())}
    return frozenset(bytes(row[0]) for row in send(CHANGED_KEYS, parameters).rows())


def get_key_document(*, key_id: int) -> dict[str, Any]:
    """``GET /key``."""
    key = ApiKey.objects.get(pk=key_id)
    return {"prefix": key.prefix, "scopes": key.scopes, "expires_at": to_text(key.expires_at)}


def get_account_document(*, partner_id: int) -> dict[str, Any]:
    """``GET /account``, and what messages tell of an account."""
    wallet = Wallet.objects.select_related("partner").get(pk=partner_id)
    runway = get_runway(wallet=wallet)
    return {
        "partner": {"code": wallet.partner.code, "name": wallet.partner.name},
        "currency": settings.CURRENCY,
        "balance": money.to_text(wallet.balance),
        "credit_limit": money.to_text(wallet.credit_limit),
        "held_amount": money.to_text(wallet.held_amount),
        "available": money.to_text(wallet.available_amount),
        "alert_threshold": money.to_text(wallet.alert_threshold),
        "daily_spend": None if runway.daily_spend is None else money.to_text(runway.daily_spend),
        "runway_days": runway.days,
        "status": wallet.partner.status,
    }


def list_open_holds(*, wallet: Wallet) -> list[OpenHold]:
    """Which orders hold how much, the newest first, at most a hundred.

    Open holds are among the newest, and the search ends with the last of them.
    """
    limit = min(wallet.open_orders, MAX_OPEN_HOLDS)
    return [OpenHold(*row) for row in send(OPEN_HOLDS, [wallet.pk, limit]).rows()]


def list_top_ups(*, partner_id: int) -> QuerySet[TopUp]:
    """A partner's top-ups, the oldest first. They are created under the partner's lock."""
    return TopUp.objects.filter(partner_id=partner_id).select_related("proof").order_by("id")


def get_top_up(*, partner_id: int, top_up_no: str) -> TopUp:
    """:raises NotFound: when the partner has none with this number."""
    top_up = list_top_ups(partner_id=partner_id).filter(top_up_no=top_up_no).first()
    if top_up is None:
        raise NotFound
    return top_up


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


def get_last_book_check() -> BookCheck | None:
    """What the newest check of the books found; None before the first."""
    return BookCheck.objects.order_by("id").last()
