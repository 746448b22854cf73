"""API keys: made, shown once, revoked."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime

from django.db import connection

from accounts.models import ApiKey, Partner
from openplatform.core.errors import FieldInvalid, NotFound
from openplatform.core.identifiers import random_text
from openplatform.core.locking import require_transaction, transactional
from openplatform.core.scopes import Scope

PREFIX_LENGTH = len("op_") + 8
SECRET_LENGTH = 32  # characters of five bits each
MAX_NOTE = 200


def digest_of(key: str) -> bytes:
    """What is stored of a key: SHA-256. It has 200 random bits, so that cannot be reversed."""
    return hashlib.sha256(key.encode()).digest()


def add_key(
    *,
    partner: Partner,
    scopes: Collection[str],
    expires_at: datetime | None = None,
    note: str = "",
) -> tuple[ApiKey, str]:
    """Step: a new key of a partner, and its text, which is nowhere else.

    :raises FieldInvalid: for a scope that does not exist, or a note that is too long.
    """
    require_transaction()
    if len(note) > MAX_NOTE:
        raise FieldInvalid(pointer="/note", maximum=MAX_NOTE)
    unknown = sorted(set(scopes) - set(Scope.values))
    if unknown:
        raise FieldInvalid(pointer="/scopes", unknown=unknown)
    text = f"op_{random_text(8)}{random_text(SECRET_LENGTH)}"
    key = ApiKey.objects.create(
        partner=partner,
        prefix=text[:PREFIX_LENGTH],
        digest=digest_of(text),
        scopes=sorted(set(scopes)),
        expires_at=expires_at,
        note=note,
    )
    return key, text


@transactional
def create_key(
    *,
    partner_code: str,
    scopes: Collection[str],
    expires_at: datetime | None = None,
    note: str = "",
) -> tuple[ApiKey, str]:
    """A new key, and its text, to be shown once.

    :raises NotFound: when there is no such partner.
    :raises FieldInvalid: for a scope that does not exist, or a note that is too long.
    """
    partner = Partner.objects.filter(code=partner_code).first()
    if partner is None:
        raise NotFound(pointer="/partner")
    return add_key(partner=partner, scopes=scopes, expires_at=expires_at, note=note)


@transactional
def revoke_key(*, prefix: str, now: datetime) -> ApiKey:
    """End a key for good; in force within a second in every process. Again is no change.

    :raises NotFound: when no key, or more than one, begins like that.
    """
    keys = list(ApiKey.objects.select_for_update().filter(prefix=prefix)[:2])
    if len(keys) != 1:
        raise NotFound(pointer="/prefix")
    key = keys[0]
    if key.revoked_at is None:
        key.revoked_at = now
        key.save(update_fields=["revoked_at"])
    return key


def note_use(*, key_id: int) -> None:
    """Remember that a key is in use, to the minute, whatever the number of requests."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_apikey SET last_used_at = date_trunc('minute', clock_timestamp())"
            " WHERE id = %s AND (last_used_at IS NULL"
            " OR last_used_at < clock_timestamp() - interval '1 minute')",
            [key_id],
        )
