"""API keys: made, shown once, changed, replaced, revoked."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.errors import KeyExpired, KeyRevoked
from accounts.models import ApiKey, Partner
from accounts.services.signatures import read_public_key
from openplatform.audit.services.recording import record_change
from openplatform.core.errors import DomainError, FieldInvalid, NotFound, refuse_if
from openplatform.core.identifiers import random_text
from openplatform.core.locking import require_transaction, transactional
from openplatform.core.networks import read_network
from openplatform.core.scopes import Scope
from openplatform.core.statements import send

PREFIX_LENGTH = len("op_") + 8
SECRET_LENGTH = 32  # characters of five bits each
MAX_NOTE = 200
MAX_NETWORKS = 50
MAX_REQUESTS_PER_MINUTE = 100_000
RECORDED = (
    "scopes", "note", "allowed_networks", "requests_per_minute", "public_key",
    "requires_signature", "expires_at", "revoked_at",
)  # fmt: skip
NOTE_USE = """UPDATE accounts_apikey
    SET last_used_at = date_trunc('minute', clock_timestamp()),
        last_used_address = %(address)s::inet
    WHERE id = %(key_id)s AND (
        last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute'
    )
"""


def digest_of(key: str) -> bytes:
    """What is stored of a key: SHA-256. It has 200 random bits, so that cannot be reversed."""
    return hashlib.sha256(key.encode()).digest()


def add_key(
    *,
    partner: Partner,
    scopes: Collection[str],
    actor: str,
    expires_at: datetime | None = None,
    note: str = "",
    allowed_networks: Collection[str] = (),
    requests_per_minute: int | None = None,
    public_key: str = "",
    requires_signature: bool = False,
) -> tuple[ApiKey, str]:
    """Step: a new key of a partner, and its text, which is nowhere else.

    :param allowed_networks: CIDR, IPv4 or IPv6; none: every address may use the key.
    :param requests_per_minute: None: the platform's limit holds.
    :param public_key: Ed25519 in PEM, with which requests may be signed, or must be.
    :raises Refusal: ``field_invalid`` for each field that does not hold.
    """
    require_transaction()
    terms = _read_terms(
        scopes=scopes,
        note=note,
        allowed_networks=allowed_networks,
        requests_per_minute=requests_per_minute,
        public_key=public_key,
        requires_signature=requires_signature,
    )
    text = f"op_{random_text(8)}{random_text(SECRET_LENGTH)}"
    key = ApiKey.objects.create(
        partner=partner,
        prefix=text[:PREFIX_LENGTH],
        digest=digest_of(text),
        expires_at=expires_at,
        created_by=actor,
        **terms,
    )
    _record("create_key", key, before={}, actor=actor)
    return key, text


@transactional
def create_key(
    *,
    partner_code: str,
    scopes: Collection[str],
    actor: str,
    expires_at: datetime | None = None,
    note: str = "",
    allowed_networks: Collection[str] = (),
    requests_per_minute: int | None = None,
    public_key: str = "",
    requires_signature: bool = False,
) -> tuple[ApiKey, str]:
    """A new key, and its text, to be shown once; see :func:`add_key`.

    :raises NotFound: when there is no such partner.
    :raises Refusal: ``field_invalid`` for each field that does not hold.
    """
    partner = Partner.objects.filter(code=partner_code).first()
    if partner is None:
        raise NotFound(pointer="/partner")
    return add_key(
        partner=partner,
        scopes=scopes,
        actor=actor,
        expires_at=expires_at,
        note=note,
        allowed_networks=allowed_networks,
        requests_per_minute=requests_per_minute,
        public_key=public_key,
        requires_signature=requires_signature,
    )


@transactional
def change_key(
    *,
    prefix: str,
    scopes: Collection[str],
    note: str,
    allowed_networks: Collection[str],
    requests_per_minute: int | None,
    public_key: str,
    requires_signature: bool,
    actor: str,
    now: datetime,
) -> ApiKey:
    """A key on other terms; in force within a second. Without any change it does nothing.

    :raises NotFound: when no key, or more than one, begins like that.
    :raises KeyRevoked, KeyExpired: when it opens nothing any more.
    :raises Refusal: ``field_invalid`` for each field that does not hold.
    """
    key = _lock_key(prefix)
    _require_live(key, now)
    terms = _read_terms(
        scopes=scopes,
        note=note,
        allowed_networks=allowed_networks,
        requests_per_minute=requests_per_minute,
        public_key=public_key,
        requires_signature=requires_signature,
    )
    before = _fields_of(key)
    for name, value in terms.items():
        setattr(key, name, value)
    if _fields_of(key) != before:
        key.save(update_fields=list(terms))
        _record("change_key", key, before=before, actor=actor)
    return key


@transactional
def rotate_key(
    *,
    prefix: str,
    old_ends_at: datetime,
    actor: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key on the same terms, and its text, to be shown once. Both open until the old ends.

    :param old_ends_at: the planned end of the old key, which keeps an earlier one that it has.
    :param expires_at: the end of the new key; None: it does not expire.
    :raises NotFound: when no key, or more than one, begins like that.
    :raises KeyRevoked, KeyExpired: when it opens nothing any more.
    :raises FieldInvalid: when it was replaced before, or an end is not to come.
    """
    old = _lock_key(prefix)
    _require_live(old, now)
    if old.replaced_by is not None:
        raise FieldInvalid(
            _("This key was replaced by %(prefix)s before") % {"prefix": old.replaced_by.prefix},
            pointer="/prefix",
        )
    ends = {"old_ends_at": old_ends_at, "expires_at": expires_at}
    refuse_if(
        [
            FieldInvalid(_("The end is a time to come"), pointer=f"/{name}")
            for name, end in ends.items()
            if end is not None and end <= now
        ]
    )
    new, text = add_key(
        partner=old.partner,
        scopes=old.scopes,
        actor=actor,
        expires_at=expires_at,
        note=old.note,
        allowed_networks=old.allowed_networks,
        requests_per_minute=old.requests_per_minute,
        public_key=old.public_key,
        requires_signature=old.requires_signature,
    )
    before = {**_fields_of(old), "replaced_by": None}
    old.expires_at = old_ends_at if old.expires_at is None else min(old.expires_at, old_ends_at)
    old.replaced_by = new
    old.save(update_fields=["expires_at", "replaced_by"])
    _record("rotate_key", old, before=before, actor=actor, replaced_by=new.prefix)
    return new, text


@transactional
def revoke_key(*, prefix: str, actor: str, now: datetime, reason: str = "") -> ApiKey:
    """End a key for good; in force within a second in every process. Again is no change.

    :raises NotFound: when no key, or more than one, begins like that.
    """
    key = _lock_key(prefix)
    if key.revoked_at is None:
        before = _fields_of(key)
        key.revoked_at = now
        key.save(update_fields=["revoked_at"])
        _record("revoke_key", key, before=before, actor=actor, reason=reason)
    return key


def note_use(*, key_id: int, address: str) -> None:
    """Remember that a key is in use and from where, to the minute, whatever the number of requests.

    :param address: empty when it is not known.
    """
    send(NOTE_USE, {"address": address or None, "key_id": key_id})


def _lock_key(prefix: str) -> ApiKey:
    keys = list(ApiKey.objects.select_for_update(no_key=True).filter(prefix=prefix)[:2])
    if len(keys) != 1:
        raise NotFound(pointer="/prefix")
    return keys[0]


def _require_live(key: ApiKey, now: datetime) -> None:
    if key.revoked_at is not None:
        raise KeyRevoked(pointer="/prefix")
    if key.expires_at is not None and key.expires_at <= now:
        raise KeyExpired(pointer="/prefix")


def _read_terms(
    *,
    scopes: Collection[str],
    note: str,
    allowed_networks: Collection[str],
    requests_per_minute: int | None,
    public_key: str,
    requires_signature: bool,
) -> dict[str, Any]:
    faults: list[DomainError] = []
    if len(note) > MAX_NOTE:
        faults.append(FieldInvalid(pointer="/note", maximum=MAX_NOTE))
    unknown = sorted(set(scopes) - set(Scope.values))
    if unknown:
        faults.append(FieldInvalid(pointer="/scopes", unknown=unknown))
    networks = _read_networks(allowed_networks, faults)
    if requests_per_minute is not None and not 1 <= requests_per_minute <= MAX_REQUESTS_PER_MINUTE:
        faults.append(
            FieldInvalid(pointer="/requests_per_minute", minimum=1, maximum=MAX_REQUESTS_PER_MINUTE)
        )
    pem = ""
    if public_key.strip():
        try:
            pem = read_public_key(public_key)
        except FieldInvalid as fault:
            faults.append(fault)
    elif requires_signature:
        faults.append(
            FieldInvalid(
                _("Requests can only be signed when the key has a public key"),
                pointer="/requires_signature",
            )
        )
    refuse_if(faults)
    return {
        "scopes": sorted(set(scopes)),
        "note": note,
        "allowed_networks": networks,
        "requests_per_minute": requests_per_minute,
        "public_key": pem,
        "requires_signature": requires_signature,
    }


def _read_networks(texts: Collection[str], faults: list[DomainError]) -> list[str]:
    """In the order given, each once, in one form."""
    if len(texts) > MAX_NETWORKS:
        faults.append(
            FieldInvalid(
                _("At most %(maximum)s networks") % {"maximum": MAX_NETWORKS},
                pointer="/allowed_networks",
                maximum=MAX_NETWORKS,
            )
        )
        return []
    networks: dict[str, None] = {}
    for index, text in enumerate(texts):
        try:
            networks[str(read_network(text))] = None
        except ValueError:
            faults.append(
                FieldInvalid(
                    _("%(text)s is no network in CIDR notation, such as 203.0.113.0/24")
                    % {"text": text},
                    pointer=f"/allowed_networks/{index}",
                )
            )
    return list(networks)


def _fields_of(key: ApiKey) -> dict[str, Any]:
    return {name: getattr(key, name) for name in RECORDED}


def _record(
    action: str, key: ApiKey, *, before: dict[str, Any], actor: str, reason: str = "", **more: Any
) -> None:
    record_change(
        action=action,
        subject=key,
        before=before,
        after={**_fields_of(key), **more},
        actor=actor,
        partner_id=key.partner_id,
        reason=reason,
    )
