from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import ApiKey
from openplatform.core.clock import to_text
from tests.cast import Merchant


def revoke(*arguments: str) -> str:
    out = StringIO()
    call_command("revoke_key", *arguments, stdout=out)
    return out.getvalue()


def test_key_no_longer_opens_when_it_is_revoked(merchant: Merchant) -> None:
    told = revoke(merchant.key[:11])

    response = merchant.api.get("/key")
    revoked_at = to_text(ApiKey.objects.get().revoked_at)
    assert told == f"{merchant.key[:11]}… revoked at {revoked_at}\n"
    assert (response.status_code, response.json()["code"]) == (401, "key_revoked")


def test_answer_is_json_and_the_same_when_it_is_revoked_again(merchant: Merchant) -> None:
    first = json.loads(revoke(merchant.key[:11], "--json"))

    second = json.loads(revoke(merchant.key[:11], "--json"))

    assert (
        second
        == first
        == {
            "prefix": merchant.key[:11],
            "revoked_at": to_text(ApiKey.objects.get().revoked_at),
        }
    )


@pytest.mark.parametrize("prefix", ["op_00000000", "op_", ""])
def test_command_fails_and_changes_nothing_when_no_key_begins_like_that(
    merchant: Merchant, prefix: str
) -> None:
    with pytest.raises(CommandError, match="/prefix not_found"):
        revoke(prefix)

    assert ApiKey.objects.get().revoked_at is None
