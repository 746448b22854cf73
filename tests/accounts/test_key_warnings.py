"""Partners hear that a key ends: once per step, by message and mail."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from accounts.models import ApiKey, Contact
from accounts.services.key_warnings import warn_of_expiring_keys
from accounts.services.keys import create_key, revoke_key, rotate_key
from openplatform.core import clock
from openplatform.core.clock import to_text
from openplatform.messaging.models import Mail, Outbox
from tests.cast import Merchant, make_merchant
from tests.racing import race

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def make_key(ends_in: timedelta, **fields: Any) -> ApiKey:
    """A key of acme that ends after a while."""
    row, _text = create_key(
        partner_code="acme",
        scopes=["orders:read"],
        actor="test",
        expires_at=clock.now() + ends_in,
        note="the shop",
        **fields,
    )
    return row


def add_contact(merchant: Merchant, *topics: str, language: str = "en") -> Contact:
    """Somebody at the partner."""
    return Contact.objects.create(
        partner=merchant.partner,
        name="Wang",
        role="technical",
        email=f"wang-{language}@example.com",
        language=language,
        topics=list(topics),
    )


def told() -> list[tuple[str, int]]:
    """Of which keys, how many days before, in order."""
    return [
        (data["key"]["prefix"], data["days_left"])
        for data in Outbox.objects.filter(type="key.expiring")
        .order_by("id")
        .values_list("data", flat=True)
    ]


@pytest.mark.parametrize(
    ("ends_in", "days_left", "step"),
    [
        (30 * DAY - HOUR, 30, 30),
        (15 * DAY, 15, 30),
        (7 * DAY + HOUR, 8, 30),
        (7 * DAY - HOUR, 7, 7),
        (5 * DAY - HOUR, 5, 7),
        (DAY + HOUR, 2, 7),
        (DAY - HOUR, 1, 1),
        (HOUR, 1, 1),
    ],
)
def test_partner_is_told_once_of_the_nearest_step_when_a_key_is_about_to_end(
    merchant: Merchant, ends_in: timedelta, days_left: int, step: int
) -> None:
    key = make_key(ends_in)

    assert warn_of_expiring_keys() == 1
    assert warn_of_expiring_keys() == 0

    message = Outbox.objects.get()
    assert (message.type, message.subject) == ("key.expiring", f"key:{key.prefix}")
    assert message.partner_ids == [merchant.partner.pk]
    assert message.data == {
        "key": {
            "prefix": key.prefix,
            "note": "the shop",
            "scopes": ["orders:read"],
            "expires_at": to_text(key.expires_at),
        },
        "days_left": days_left,
    }
    key.refresh_from_db()
    assert key.warned_days == step


def test_partner_is_told_three_times_when_a_key_lives_through_all_steps(
    merchant: Merchant,
) -> None:
    key = make_key(31 * DAY)

    for ends_in in (31, 29.5, 29, 8, 6.5, 6, 2, 0.5, 0.2):
        ApiKey.objects.filter(pk=key.pk).update(expires_at=clock.now() + ends_in * DAY)
        warn_of_expiring_keys()

    assert told() == [(key.prefix, 30), (key.prefix, 7), (key.prefix, 1)]


def test_nobody_is_told_when_the_end_is_far_past_or_none(merchant: Merchant) -> None:
    make_key(30 * DAY + HOUR)
    make_key(-HOUR)
    revoked = make_key(DAY)
    revoke_key(prefix=revoked.prefix, actor="test", now=clock.now())

    assert warn_of_expiring_keys() == 0

    assert not Outbox.objects.exists()
    assert not ApiKey.objects.exclude(warned_days=None).exists()


def test_end_is_told_of_when_it_was_planned_by_a_rotation(merchant: Merchant) -> None:
    add_contact(merchant, "key_expiring")
    now = clock.now()
    new, _text = rotate_key(
        prefix=merchant.key[:11], old_ends_at=now + 6 * DAY, actor="test", now=now
    )

    assert warn_of_expiring_keys() == 1

    assert told() == [(merchant.key[:11], 6)]
    assert f"replaced by the key that begins with {new.prefix}" in Mail.objects.get().body


def test_mail_says_which_key_ends_when_in_the_language_of_each_contact(
    merchant: Merchant, stranger: Merchant
) -> None:
    add_contact(merchant, "key_expiring")
    add_contact(merchant, "key_expiring", language="zh-hans")
    add_contact(merchant, "balance_low", language="fr")
    add_contact(stranger, "key_expiring")
    key = make_key(7 * DAY - HOUR)

    warn_of_expiring_keys()

    assert Mail.objects.count() == 2
    mail = Mail.objects.get(recipient_email="wang-en@example.com")
    assert (mail.topic, mail.partner_id) == ("key_expiring", merchant.partner.pk)
    assert mail.subject == f"API key {key.prefix}… ends in 7 days"
    assert key.expires_at is not None
    ends = key.expires_at.astimezone(clock.PLATFORM_ZONE)
    assert mail.body.startswith(
        "Hello Wang,\n"
        "\n"
        f"The API key that begins with {key.prefix} ends at {ends:%Y-%m-%d %H:%M} (UTC+8)."
        " From then on every request with it is refused.\n"
        "\n"
        f"Partner: {merchant.partner.name} ({merchant.partner.code})\n"
        "Note: the shop\n"
        "Scopes: orders:read\n"
        "\n"
        "Ask us for a new key in time. Both open until the old one ends, so nothing has to stop.\n"
        "\n"
        "--\n"
    )


@pytest.mark.django_db(transaction=True)
def test_partner_is_told_once_when_several_workers_look_at_once() -> None:
    merchant = make_merchant("acme")
    add_contact(merchant, "key_expiring")
    keys = [make_key(ends_in * DAY) for ends_in in (0.5, 5, 20)]

    counts = race(*[warn_of_expiring_keys] * 4)

    assert sum(count for count in counts if isinstance(count, int)) == 3
    assert sorted(told()) == sorted(zip([key.prefix for key in keys], [1, 5, 20], strict=True))
    assert Mail.objects.count() == 3
