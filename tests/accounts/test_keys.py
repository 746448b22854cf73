from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime

import pytest

from accounts.models import ApiKey
from accounts.services.keys import add_key, create_key, revoke_key
from openplatform.core.errors import FieldInvalid, NotFound
from openplatform.core.locking import NotInTransaction
from tests.cast import Merchant

MOMENT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_only_the_digest_is_stored_when_a_key_is_made(merchant: Merchant) -> None:
    key, text = create_key(partner_code="acme", scopes=["orders:read"], note="the shop")

    stored = ApiKey.objects.values().get(pk=key.pk)
    assert re.fullmatch("op_[0-9A-HJKMNP-TV-Z]{40}", text)
    assert bytes(stored["digest"]) == hashlib.sha256(text.encode()).digest()
    assert stored["prefix"] == text[:11]
    assert (stored["scopes"], stored["note"]) == (["orders:read"], "the shop")
    assert text not in repr(stored)


def test_scopes_are_kept_once_each_when_they_are_repeated(merchant: Merchant) -> None:
    key, _text = create_key(
        partner_code="acme", scopes=["orders:read", "account:read", "orders:read"]
    )

    key.refresh_from_db()
    assert key.scopes == ["account:read", "orders:read"]


def test_keys_differ_when_made_in_a_row(merchant: Merchant) -> None:
    texts = {create_key(partner_code="acme", scopes=[])[1] for _ in range(20)}

    assert len(texts) == 20
    assert len({text[:11] for text in texts}) == 20


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"scopes": ["orders:read", "orders:everything"]}, "/scopes"),
        ({"scopes": ["all"]}, "/scopes"),
        ({"scopes": [], "note": "x" * 201}, "/note"),
    ],
)
def test_refused_when_a_field_is_not_valid(
    merchant: Merchant, fields: dict[str, object], pointer: str
) -> None:
    with pytest.raises(FieldInvalid) as refusal:
        create_key(partner_code="acme", **fields)  # type: ignore[arg-type]

    assert refusal.value.pointer == pointer
    assert ApiKey.objects.count() == 1


def test_refused_when_there_is_no_such_partner(db: None) -> None:
    with pytest.raises(NotFound):
        create_key(partner_code="nobody", scopes=[])

    assert not ApiKey.objects.exists()


def test_first_moment_stays_when_a_key_is_revoked_again(merchant: Merchant) -> None:
    first = revoke_key(prefix=merchant.key[:11], now=MOMENT)

    second = revoke_key(prefix=merchant.key[:11], now=datetime(2026, 4, 1, tzinfo=UTC))

    assert (first.revoked_at, second.revoked_at) == (MOMENT, MOMENT)
    assert ApiKey.objects.get().revoked_at == MOMENT


@pytest.mark.parametrize("prefix", ["", "op_", "op_00000000", "%"])
def test_nothing_is_revoked_when_no_key_begins_like_that(merchant: Merchant, prefix: str) -> None:
    with pytest.raises(NotFound):
        revoke_key(prefix=prefix, now=MOMENT)

    assert ApiKey.objects.get().revoked_at is None


def test_nothing_is_revoked_when_two_keys_begin_alike(merchant: Merchant) -> None:
    create_key(partner_code="acme", scopes=[])
    ApiKey.objects.update(prefix="op_SAMESAME")

    with pytest.raises(NotFound):
        revoke_key(prefix="op_SAMESAME", now=MOMENT)

    assert not ApiKey.objects.exclude(revoked_at=None).exists()


@pytest.mark.django_db(transaction=True)
def test_step_refuses_when_no_transaction_is_open() -> None:
    from tests.cast import make_merchant

    merchant = make_merchant("acme")

    with pytest.raises(NotInTransaction):
        add_key(partner=merchant.partner, scopes=[])

    assert ApiKey.objects.count() == 1
