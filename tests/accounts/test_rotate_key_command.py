from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import ApiKey
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.core.clock import to_text
from tests.cast import Api, Merchant


def rotate(*arguments: str) -> str:
    out = StringIO()
    call_command("rotate_key", *arguments, stdout=out)
    return out.getvalue()


def test_new_key_is_printed_and_both_open_when_a_key_is_rotated(merchant: Merchant) -> None:
    text = rotate(merchant.key[:11]).strip()

    assert Api(text).get("/account").status_code == 200
    assert merchant.api.get("/account").status_code == 200
    left = ApiKey.objects.get(prefix=merchant.key[:11]).expires_at - clock.now()  # type: ignore[operator]
    assert timedelta(days=7) - timedelta(minutes=1) < left <= timedelta(days=7)
    assert AuditEntry.objects.get(action="rotate_key").actor == "rotate_key"


def test_answer_is_json_when_asked(merchant: Merchant) -> None:
    answer = json.loads(
        rotate(
            *(merchant.key[:11], "--json", "--old-ends-at", "2999-01-31T00:00:00Z"),
            *("--expires-at", "2999-12-31T00:00:00Z"),
        )
    )

    old = ApiKey.objects.get(prefix=merchant.key[:11])
    assert answer == {
        "prefix": answer["key"][:11],
        "scopes": old.scopes,
        "expires_at": "2999-12-31T08:00:00+08:00",
        "key": answer["key"],
        "replaces": {"prefix": old.prefix, "expires_at": "2999-01-31T08:00:00+08:00"},
    }
    assert old.replaced_by == ApiKey.objects.get(prefix=answer["prefix"])
    assert to_text(old.expires_at) == "2999-01-31T08:00:00+08:00"


def test_command_fails_and_makes_nothing_when_it_is_refused(merchant: Merchant) -> None:
    with pytest.raises(CommandError, match="/prefix not_found"):
        rotate("op_00000000")
    with pytest.raises(CommandError, match="is past"):
        rotate(merchant.key[:11], "--old-ends-at", "2020-01-31T00:00:00Z")
    ApiKey.objects.update(revoked_at=clock.now())
    with pytest.raises(CommandError, match="/prefix key_revoked"):
        rotate(merchant.key[:11])

    assert ApiKey.objects.count() == 1
    assert ApiKey.objects.get().expires_at is None
