from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from accounts.errors import KeyExpired, KeyRevoked
from accounts.models import ApiKey
from accounts.services.keys import add_key, change_key, create_key, revoke_key, rotate_key
from openplatform.audit.models import AuditEntry
from openplatform.core.errors import DomainError, FieldInvalid, NotFound
from openplatform.core.locking import NotInTransaction
from tests.cast import Merchant, make_merchant
from tests.racing import race

MOMENT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NEXT_WEEK = MOMENT + timedelta(days=7)
PUBLIC_KEY = (
    Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
PRIVATE_KEY = (
    Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)
OTHER_ALGORITHM = (
    generate_private_key(SECP256R1())
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
TERMS: dict[str, Any] = {
    "scopes": ["orders:read"],
    "note": "the shop",
    "allowed_networks": ["203.0.113.0/24"],
    "requests_per_minute": 60,
    "public_key": PUBLIC_KEY,
    "requires_signature": True,
}


def stored(prefix: str) -> dict[str, Any]:
    """A key's row."""
    return dict(ApiKey.objects.values().get(prefix=prefix))


def faults_of(error: DomainError) -> list[tuple[str, str]]:
    """Codes and pointers."""
    return [(fault.code, fault.pointer) for fault in error.faults]


def entries(action: str) -> list[AuditEntry]:
    """What the audit trail says of an action, without what the cast did."""
    return list(AuditEntry.objects.filter(action=action).exclude(actor="test").order_by("id"))


# Made


def test_only_the_digest_is_stored_when_a_key_is_made(merchant: Merchant) -> None:
    key, text = create_key(
        partner_code="acme", scopes=["orders:read"], actor="fin", note="the shop"
    )

    row = stored(key.prefix)
    assert re.fullmatch("op_[0-9A-HJKMNP-TV-Z]{40}", text)
    assert bytes(row["digest"]) == hashlib.sha256(text.encode()).digest()
    assert row["prefix"] == text[:11]
    assert (row["scopes"], row["note"]) == (["orders:read"], "the shop")
    assert text not in repr(row)


def test_every_term_is_stored_when_a_key_is_made_with_all_of_them(merchant: Merchant) -> None:
    key, _text = create_key(partner_code="acme", actor="fin", expires_at=MOMENT, **TERMS)

    row = stored(key.prefix)
    assert {name: row[name] for name in TERMS} == TERMS
    assert row["expires_at"] == MOMENT


def test_audit_tells_the_terms_and_nothing_secret_when_a_key_is_made(merchant: Merchant) -> None:
    key, text = create_key(partner_code="acme", actor="fin", expires_at=MOMENT, **TERMS)

    (entry,) = entries("create_key")
    assert (entry.actor, entry.partner_id) == ("fin", merchant.partner.pk)
    assert (entry.subject_type, entry.subject_id) == ("accounts.apikey", str(key.pk))
    assert entry.before == {}
    assert entry.after == {**TERMS, "expires_at": "2026-03-01T20:00:00+08:00"}
    assert text not in repr(AuditEntry.objects.values().get(pk=entry.pk))


def test_scopes_are_kept_once_each_when_they_are_repeated(merchant: Merchant) -> None:
    key, _text = create_key(
        partner_code="acme", scopes=["orders:read", "account:read", "orders:read"], actor="fin"
    )

    assert stored(key.prefix)["scopes"] == ["account:read", "orders:read"]


def test_keys_differ_when_made_in_a_row(merchant: Merchant) -> None:
    texts = {create_key(partner_code="acme", scopes=[], actor="fin")[1] for _ in range(20)}

    assert len(texts) == 20
    assert len({text[:11] for text in texts}) == 20


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["203.0.113.7"], ["203.0.113.7/32"]),
        ([" 203.0.113.0/24 "], ["203.0.113.0/24"]),
        (["203.0.113.0/255.255.255.0"], ["203.0.113.0/24"]),
        (["2001:DB8:0:0::/32", "::1"], ["2001:db8::/32", "::1/128"]),
        (["::ffff:203.0.113.0/120"], ["203.0.113.0/24"]),
        (["10.0.0.0/8", "10.0.0.0/8", "10.0.0.0/255.0.0.0"], ["10.0.0.0/8"]),
        (["0.0.0.0/0", "::/0"], ["0.0.0.0/0", "::/0"]),
        ([], []),
    ],
)
def test_networks_are_kept_in_one_form_when_they_are_written_in_another(
    merchant: Merchant, given: list[str], kept: list[str]
) -> None:
    key, _text = create_key(partner_code="acme", scopes=[], actor="fin", allowed_networks=given)

    assert stored(key.prefix)["allowed_networks"] == kept


def test_public_key_is_kept_in_one_form_when_blanks_stand_around_it(merchant: Merchant) -> None:
    sent = "\r\n  " + PUBLIC_KEY.strip().replace("\n", "\r\n") + "\r\n\r\n"

    key, _text = create_key(partner_code="acme", scopes=[], actor="fin", public_key=sent)

    assert stored(key.prefix)["public_key"] == PUBLIC_KEY


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ({"scopes": ["orders:read", "orders:everything"]}, ["/scopes"]),
        ({"scopes": ["all"]}, ["/scopes"]),
        ({"note": "x" * 201}, ["/note"]),
        ({"allowed_networks": ["10.0.0.1/8"]}, ["/allowed_networks/0"]),
        ({"allowed_networks": ["10.0.0.0/8", "10.0.0.0/33"]}, ["/allowed_networks/1"]),
        ({"allowed_networks": ["example.com"]}, ["/allowed_networks/0"]),
        ({"allowed_networks": [""]}, ["/allowed_networks/0"]),
        ({"allowed_networks": ["10.0.0.0/8,11.0.0.0/8"]}, ["/allowed_networks/0"]),
        ({"allowed_networks": ["１0.0.0.0/8"]}, ["/allowed_networks/0"]),
        ({"allowed_networks": ["fe80::1%eth0"]}, ["/allowed_networks/0"]),
        ({"allowed_networks": [f"10.0.0.{n}" for n in range(51)]}, ["/allowed_networks"]),
        ({"requests_per_minute": 0}, ["/requests_per_minute"]),
        ({"requests_per_minute": 100_001}, ["/requests_per_minute"]),
        ({"public_key": "ssh-ed25519 AAAA"}, ["/public_key"]),
        ({"public_key": PUBLIC_KEY.replace("M", "N", 1)}, ["/public_key"]),
        ({"public_key": OTHER_ALGORITHM}, ["/public_key"]),
        ({"public_key": PRIVATE_KEY}, ["/public_key"]),
        ({"public_key": "钥匙"}, ["/public_key"]),
        ({"public_key": PUBLIC_KEY * 20}, ["/public_key"]),
        ({"requires_signature": True}, ["/requires_signature"]),
        ({"note": "x" * 201, "scopes": ["x"], "allowed_networks": ["x"]},
         ["/note", "/scopes", "/allowed_networks/0"]),
    ],
)  # fmt: skip
def test_refused_with_every_fault_when_fields_are_not_valid(
    merchant: Merchant, fields: dict[str, Any], pointers: list[str]
) -> None:
    with pytest.raises(DomainError) as refusal:
        create_key(partner_code="acme", actor="fin", **{"scopes": [], **fields})

    assert faults_of(refusal.value) == [("field_invalid", pointer) for pointer in pointers]
    assert ApiKey.objects.count() == 1
    assert entries("create_key") == []


def test_private_key_is_not_repeated_when_somebody_pastes_it(merchant: Merchant) -> None:
    with pytest.raises(DomainError) as refusal:
        create_key(partner_code="acme", scopes=[], actor="fin", public_key=PRIVATE_KEY)

    shown = repr([(fault.detail, fault.facts) for fault in refusal.value.faults])
    assert PRIVATE_KEY.splitlines()[1] not in shown


def test_refused_when_there_is_no_such_partner(db: None) -> None:
    with pytest.raises(NotFound):
        create_key(partner_code="nobody", scopes=[], actor="fin")

    assert not ApiKey.objects.exists()


# Changed


def test_terms_are_other_ones_and_audit_tells_which_when_a_key_is_changed(
    merchant: Merchant,
) -> None:
    key, _text = create_key(partner_code="acme", actor="test", **TERMS)
    changes = {**TERMS, "note": "the app", "allowed_networks": [], "requires_signature": False}

    change_key(prefix=key.prefix, actor="fin", now=MOMENT, **changes)

    row = stored(key.prefix)
    assert {name: row[name] for name in TERMS} == changes
    assert bytes(row["digest"]) == bytes(key.digest)
    (entry,) = entries("change_key")
    assert (entry.actor, entry.partner_id) == ("fin", merchant.partner.pk)
    assert entry.before == {
        "note": "the shop", "allowed_networks": ["203.0.113.0/24"], "requires_signature": True,
    }  # fmt: skip
    assert entry.after == {"note": "the app", "allowed_networks": [], "requires_signature": False}


def test_nothing_is_written_when_a_key_is_changed_to_what_it_is(merchant: Merchant) -> None:
    key, _text = create_key(partner_code="acme", actor="test", **TERMS)

    change_key(
        prefix=key.prefix, actor="fin", now=MOMENT, **{**TERMS, "scopes": ["orders:read"] * 2}
    )

    assert entries("change_key") == []


@pytest.mark.parametrize(
    ("state", "error"),
    [({"revoked_at": MOMENT}, KeyRevoked), ({"expires_at": MOMENT}, KeyExpired)],
)
def test_change_and_rotation_are_refused_when_the_key_opens_nothing_any_more(
    merchant: Merchant, state: dict[str, Any], error: type[DomainError]
) -> None:
    prefix = merchant.key[:11]
    ApiKey.objects.update(**state)
    before = stored(prefix)

    with pytest.raises(error):
        change_key(prefix=prefix, actor="fin", now=MOMENT, **TERMS)
    with pytest.raises(error):
        rotate_key(prefix=prefix, old_ends_at=NEXT_WEEK, actor="fin", now=MOMENT)

    assert stored(prefix) == before
    assert ApiKey.objects.count() == 1
    assert entries("change_key") == entries("rotate_key") == []


def test_change_is_refused_when_a_term_is_not_valid(merchant: Merchant) -> None:
    before = stored(merchant.key[:11])

    with pytest.raises(DomainError) as refusal:
        change_key(prefix=merchant.key[:11], actor="fin", now=MOMENT, **{**TERMS, "public_key": ""})

    assert faults_of(refusal.value) == [("field_invalid", "/requires_signature")]
    assert stored(merchant.key[:11]) == before


# Rotated


def test_new_key_has_the_terms_of_the_old_one_which_ends_when_a_key_is_rotated(
    merchant: Merchant,
) -> None:
    old, old_text = create_key(partner_code="acme", actor="test", **TERMS)

    new, text = rotate_key(prefix=old.prefix, old_ends_at=NEXT_WEEK, actor="fin", now=MOMENT)

    row = stored(new.prefix)
    assert {name: row[name] for name in TERMS} == TERMS
    assert (row["partner_id"], row["expires_at"]) == (merchant.partner.pk, None)
    assert bytes(row["digest"]) == hashlib.sha256(text.encode()).digest()
    assert text != old_text
    row = stored(old.prefix)
    assert (row["expires_at"], row["replaced_by_id"]) == (NEXT_WEEK, new.pk)
    (made,) = entries("create_key")
    assert (made.actor, made.subject_id) == ("fin", str(new.pk))
    (rotated,) = entries("rotate_key")
    assert (rotated.actor, rotated.subject_id) == ("fin", str(old.pk))
    assert rotated.before == {"expires_at": None, "replaced_by": None}
    assert rotated.after == {
        "expires_at": "2026-03-08T20:00:00+08:00", "replaced_by": new.prefix,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("end", "kept"),
    [
        (MOMENT + timedelta(days=3), MOMENT + timedelta(days=3)),
        (MOMENT + timedelta(days=30), NEXT_WEEK),
    ],
)
def test_old_key_ends_at_the_earlier_moment_when_it_had_an_end(
    merchant: Merchant, end: datetime, kept: datetime
) -> None:
    ApiKey.objects.update(expires_at=end)

    rotate_key(
        prefix=merchant.key[:11],
        old_ends_at=NEXT_WEEK,
        expires_at=MOMENT + timedelta(days=365),
        actor="fin",
        now=MOMENT,
    )

    assert stored(merchant.key[:11])["expires_at"] == kept
    assert ApiKey.objects.latest("id").expires_at == MOMENT + timedelta(days=365)


@pytest.mark.parametrize(
    ("ends", "pointers"),
    [
        ({"old_ends_at": MOMENT}, ["/old_ends_at"]),
        ({"old_ends_at": NEXT_WEEK, "expires_at": MOMENT}, ["/expires_at"]),
        ({"old_ends_at": MOMENT, "expires_at": MOMENT}, ["/old_ends_at", "/expires_at"]),
    ],
)
def test_rotation_is_refused_when_an_end_is_not_to_come(
    merchant: Merchant, ends: dict[str, Any], pointers: list[str]
) -> None:
    before = stored(merchant.key[:11])

    with pytest.raises(DomainError) as refusal:
        rotate_key(prefix=merchant.key[:11], actor="fin", now=MOMENT, **ends)

    assert faults_of(refusal.value) == [("field_invalid", pointer) for pointer in pointers]
    assert stored(merchant.key[:11]) == before
    assert ApiKey.objects.count() == 1


def test_rotation_is_refused_when_the_key_was_replaced_before(merchant: Merchant) -> None:
    rotate_key(prefix=merchant.key[:11], old_ends_at=NEXT_WEEK, actor="fin", now=MOMENT)
    before = stored(merchant.key[:11])

    with pytest.raises(FieldInvalid):
        rotate_key(prefix=merchant.key[:11], old_ends_at=NEXT_WEEK, actor="fin", now=MOMENT)

    assert stored(merchant.key[:11]) == before
    assert ApiKey.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_one_key_takes_its_place_when_a_key_is_rotated_several_times_at_once() -> None:
    merchant = make_merchant("acme")
    now = datetime.now(UTC)

    def rotate() -> object:
        return rotate_key(
            prefix=merchant.key[:11],
            old_ends_at=now + timedelta(days=7),
            actor="fin",
            now=now,
        )

    outcomes = race(*[rotate] * 4)

    assert sum(isinstance(outcome, FieldInvalid) for outcome in outcomes) == 3
    assert ApiKey.objects.count() == 2
    assert len(entries("rotate_key")) == 1


# Revoked


def test_first_moment_stays_when_a_key_is_revoked_again(merchant: Merchant) -> None:
    first = revoke_key(prefix=merchant.key[:11], actor="fin", now=MOMENT, reason="lost")

    second = revoke_key(prefix=merchant.key[:11], actor="ops", now=datetime(2026, 4, 1, tzinfo=UTC))

    assert (first.revoked_at, second.revoked_at) == (MOMENT, MOMENT)
    assert ApiKey.objects.get().revoked_at == MOMENT
    (entry,) = entries("revoke_key")
    assert (entry.actor, entry.reason) == ("fin", "lost")
    assert (entry.before, entry.after) == (
        {"revoked_at": None}, {"revoked_at": "2026-03-01T20:00:00+08:00"},
    )  # fmt: skip


@pytest.mark.parametrize("prefix", ["", "op_", "op_00000000", "%"])
def test_nothing_is_done_when_no_key_begins_like_that(merchant: Merchant, prefix: str) -> None:
    before = stored(merchant.key[:11])

    with pytest.raises(NotFound):
        revoke_key(prefix=prefix, actor="fin", now=MOMENT)
    with pytest.raises(NotFound):
        rotate_key(prefix=prefix, old_ends_at=NEXT_WEEK, actor="fin", now=MOMENT)
    with pytest.raises(NotFound):
        change_key(prefix=prefix, actor="fin", now=MOMENT, **TERMS)

    assert stored(merchant.key[:11]) == before


def test_nothing_is_revoked_when_two_keys_begin_alike(merchant: Merchant) -> None:
    create_key(partner_code="acme", scopes=[], actor="fin")
    ApiKey.objects.update(prefix="op_SAMESAME")

    with pytest.raises(NotFound):
        revoke_key(prefix="op_SAMESAME", actor="fin", now=MOMENT)

    assert not ApiKey.objects.exclude(revoked_at=None).exists()


@pytest.mark.django_db(transaction=True)
def test_step_refuses_when_no_transaction_is_open() -> None:
    merchant = make_merchant("acme")

    with pytest.raises(NotInTransaction):
        add_key(partner=merchant.partner, scopes=[], actor="fin")

    assert ApiKey.objects.count() == 1
