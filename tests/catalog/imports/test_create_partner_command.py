from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import ApiKey, Partner
from openplatform.core.scopes import Scope
from tests.cast import Api, Merchant, World


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("create_partner", *arguments, stdout=out)
    return out.getvalue().strip()


def test_partner_can_call_when_it_was_made(world: World, told: Any) -> None:
    world.make_sku("A")

    key = run(
        "--code", "acme", "--name", "Acme", "--pool", "pool", "--credit-limit", "100",
        "--opening-balance", "2500.5",
    )  # fmt: skip

    partner = Partner.objects.get(code="acme")
    assert Api(key).get("/key").json()["scopes"] == sorted(Scope.values)
    assert (partner.wallet.balance, partner.wallet.credit_limit) == (
        Decimal("2500.50"),
        Decimal("100.00"),
    )
    assert told(Merchant(partner, key)) == [("pool.sku_added", ["A"])]


def test_key_has_the_scopes_that_were_named(db: None) -> None:
    answer = json.loads(
        run("--code", "acme", "--name", "Acme", "--scope", "catalog:read", "--json")
    )

    assert answer == {"code": "acme", "name": "Acme", "key": answer["key"]}
    assert ApiKey.objects.get().scopes == ["catalog:read"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--code", "a b", "--name", "Acme"),
        ("--code", "acme", "--name", " "),
        ("--code", "acme", "--name", "Acme", "--pool", "nowhere"),
        ("--code", "acme", "--name", "Acme", "--email", "nobody"),
        ("--code", "acme", "--name", "Acme", "--credit-limit", "much"),
        ("--code", "acme", "--name", "Acme", "--opening-balance", "-1"),
        ("--code", "acme", "--name", "Acme", "--scope", "everything"),
    ],
)
def test_nothing_is_made_when_an_argument_is_wrong(db: None, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        run(*arguments)

    assert not Partner.objects.exists()


def test_refused_when_the_code_is_taken(merchant: Merchant) -> None:
    with pytest.raises(CommandError):
        run("--code", "acme", "--name", "Other")

    assert Partner.objects.get().name == "Merchant acme"
