from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import ApiKey
from openplatform.audit.models import AuditEntry
from openplatform.core.scopes import Scope
from tests.accounts.signing import PUBLIC_KEY
from tests.cast import Api, Merchant


def create(*arguments: str) -> str:
    out = StringIO()
    call_command("create_key", *arguments, stdout=out)
    return out.getvalue()


def test_key_is_printed_once_and_opens_when_it_is_made(merchant: Merchant) -> None:
    text = create("--partner", "acme", "--scope", "account:read", "--scope", "orders:read").strip()

    key = Api(text).get("/key").json()
    assert key == {
        "prefix": text[:11],
        "scopes": ["account:read", "orders:read"],
        "expires_at": None,
    }


def test_answer_is_json_when_asked(merchant: Merchant) -> None:
    answer = json.loads(
        create(
            *("--partner", "acme", "--scope", "all", "--json"),
            *("--expires-at", "2999-01-31T00:00:00Z", "--note", "the warehouse"),
        )
    )

    assert answer == {
        "prefix": answer["key"][:11],
        "scopes": sorted(Scope.values),
        "expires_at": "2999-01-31T08:00:00+08:00",
        "key": answer["key"],
    }
    assert ApiKey.objects.get(prefix=answer["prefix"]).note == "the warehouse"


def test_terms_are_stored_when_they_are_given(merchant: Merchant, tmp_path: Path) -> None:
    pem = tmp_path / "public.pem"
    pem.write_text(PUBLIC_KEY)

    text = create(
        *("--partner", "acme", "--scope", "all", "--allow", "203.0.113.0/24"),
        *("--allow", "2001:db8::/32", "--requests-per-minute", "30"),
        *("--public-key", str(pem), "--requires-signature"),
    ).strip()

    key = ApiKey.objects.get(prefix=text[:11])
    assert key.allowed_networks == ["203.0.113.0/24", "2001:db8::/32"]
    assert (key.requests_per_minute, key.requires_signature) == (30, True)
    assert key.public_key == PUBLIC_KEY
    assert AuditEntry.objects.get(action="create_key", subject_id=str(key.pk)).actor == "create_key"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--partner", "nobody", "--scope", "all"], "/partner not_found"),
        (["--partner", "acme", "--scope", "all", "--note", "x" * 201], "/note field_invalid"),
        (["--partner", "acme", "--scope", "orders"], "invalid choice: 'orders'"),
        (["--partner", "acme"], "required: --scope"),
        (["--scope", "all"], "required: --partner"),
        (["--partner", "acme", "--scope", "all", "--expires-at", "soon"], "not an RFC 3339 time"),
        (["--partner", "acme", "--scope", "all", "--expires-at", "2999-01-31"], "has no offset"),
        (
            ["--partner", "acme", "--scope", "all", "--expires-at", "2020-01-31T00:00:00Z"],
            "is past",
        ),
        (
            ["--partner", "acme", "--scope", "all", "--allow", "10.0.0.1/8", "--allow", "x"],
            "/allowed_networks/0 field_invalid: .*\n/allowed_networks/1 field_invalid: ",
        ),
        (
            ["--partner", "acme", "--scope", "all", "--requires-signature"],
            "/requires_signature field_invalid",
        ),
        (["--partner", "acme", "--scope", "all", "--public-key", "/nowhere"], "cannot be read"),
    ],
)
def test_command_fails_and_makes_nothing_when_it_is_refused(
    merchant: Merchant, arguments: list[str], message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        create(*arguments)

    assert ApiKey.objects.count() == 1
