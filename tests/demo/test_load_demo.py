"""The demo in the database, and ``demo.json``."""

from __future__ import annotations

import json
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command

from accounts.models import ApiKey, Partner, Wallet
from catalog.models import Category, Pool, Product, PurchasePrice, Sku, Stock, Warehouse
from openplatform.core import clock
from openplatform.demo.services.loading import DatabaseNotEmpty, load_demo
from openplatform.regions.models import Region
from orders.models import Carrier, FreightRule
from tests.cast import Api, make_regions
from tests.demo.test_data import rows_of


@pytest.fixture
def data_dir(settings, tmp_path: Path) -> Path:
    """A data directory of the test's own."""
    settings.DATA_DIR = tmp_path
    settings.PUBLIC_URL = "http://localhost:8123"
    return tmp_path


@pytest.fixture
def corner(db: None) -> None:
    """The regions that the demo names are there already; the whole library takes its time."""
    make_regions()
    codes = {
        code for row in rows_of("warehouses") for code in (row["region"], *row["serves"].split())
    }
    codes |= {code for row in rows_of("freight") for code in row["regions"].split()}
    codes -= set(Region.objects.values_list("code", flat=True))
    Region.objects.bulk_create(
        Region(code=code, level=1, name=code, path=[code], path_name=code, has_children=False)
        for code in codes
    )


@pytest.mark.django_db
def test_demo_is_complete_when_the_database_was_empty(data_dir: Path):
    demo = load_demo(actor="test", now=clock.now())

    assert Category.objects.count() == 42
    assert Product.objects.count() == 61
    assert Sku.objects.count() == 200
    assert Sku.objects.filter(shelf_state="off_shelf").count() == 4
    assert Pool.objects.count() == 5
    assert Warehouse.objects.count() == 2
    assert Stock.objects.count() == 314
    assert PurchasePrice.objects.count() == 71
    assert Carrier.objects.count() == 8
    rules = FreightRule.objects.filter(template__is_active=True).order_by("pk")
    assert [
        (rule.template.code, rule.regions.count(), rule.first_amount, rule.remote_amount)
        for rule in rules
    ] == [
        ("standard", 0, Decimal("8.00"), Decimal("0.00")),
        ("standard", 2, Decimal("18.00"), Decimal("12.00")),
        ("grain", 0, Decimal("10.00"), Decimal("0.00")),
        ("grain", 2, Decimal("25.00"), Decimal("20.00")),
        ("digital", 0, Decimal("6.00"), Decimal("0.00")),
        ("digital", 2, Decimal("12.00"), Decimal("8.00")),
    ]
    wallets = {w.partner.code: (w.balance, w.credit_limit) for w in Wallet.objects.all()}
    assert wallets == {
        "MERCHANT-A": (Decimal("50000.00"), Decimal("0.00")),
        "MERCHANT-B": (Decimal("8000.00"), Decimal("20000.00")),
    }
    for merchant in demo.merchants:
        answer = Api(merchant.key).get("/account")
        assert answer.json()["partner"] == {"code": merchant.code, "name": merchant.name}
    for user in demo.users:
        assert authenticate(username=user.username, password=user.password) is not None


@pytest.mark.django_db
def test_demo_file_holds_logins_and_keys_for_the_owner_only(data_dir: Path, corner: None):
    out = StringIO()

    call_command("load_demo", "--json", stdout=out)

    file = data_dir / "demo.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    assert document == json.loads(out.getvalue())
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in data_dir.iterdir()] == ["demo.json"]
    assert set(document) == {"base_url", "users", "merchants"}
    assert document["base_url"] == "http://localhost:8123"
    assert [(user["username"], user["role"]) for user in document["users"]] == [
        ("admin", "administrator"),
        ("operator", "operator"),
        ("finance1", "finance"),
        ("finance2", "finance"),
    ]
    assert all(set(user) == {"username", "password", "role"} for user in document["users"])
    assert [(m["code"], m["name"]) for m in document["merchants"]] == [
        ("MERCHANT-A", "示例商户甲"),
        ("MERCHANT-B", "示例商户乙"),
    ]
    assert all(set(m) == {"code", "name", "key"} for m in document["merchants"])


@pytest.mark.django_db
def test_staff_may_do_what_their_role_needs_when_the_demo_is_loaded(data_dir: Path, corner: None):
    load_demo(actor="test", now=clock.now())

    operator, finance = (User.objects.get(username=name) for name in ("operator", "finance1"))
    assert User.objects.get(username="admin").is_superuser
    assert not operator.is_superuser
    assert operator.has_perms(["catalog.change_sku", "orders.view_order", "accounts.view_wallet"])
    assert not operator.has_perm("accounts.change_wallet")
    deciding = ["decide_topup", "decide_adjustment", "decide_withdrawal", "decide_wallet"]
    for name in ("finance1", "finance2"):
        finance = User.objects.get(username=name)
        assert finance.has_perms([f"accounts.{codename}" for codename in deciding])
        assert finance.has_perms(["accounts.add_adjustment", "accounts.change_wallet"])
    assert not any(operator.has_perm(f"accounts.{codename}") for codename in deciding)
    assert operator.has_perms(["approvals.view_approval", "audit.view_auditentry"])
    assert finance.has_perms(["accounts.add_topup", "orders.view_order", "catalog.view_sku"])
    keys = ["accounts.add_apikey", "accounts.change_apikey"]
    assert operator.has_perms(keys)
    assert not any(finance.has_perm(name) for name in keys)
    assert not finance.has_perm("orders.change_order")
    assert not finance.has_perm("catalog.change_sku")


@pytest.mark.django_db
def test_loading_is_refused_when_there_is_a_partner(data_dir: Path, merchant):
    with pytest.raises(DatabaseNotEmpty):
        load_demo(actor="test", now=clock.now())

    assert not (data_dir / "demo.json").exists()
    assert Partner.objects.count() == 1
    assert ApiKey.objects.count() == 1
    assert not Sku.objects.exists()
    assert not User.objects.exists()
    assert not Group.objects.exists()


@pytest.mark.django_db
def test_command_fails_when_there_is_a_sku(data_dir: Path, world):
    world.make_sku("A")

    with pytest.raises(CommandError, match="empty database"):
        call_command("load_demo")

    assert not (data_dir / "demo.json").exists()
    assert Sku.objects.count() == 1
    assert not Partner.objects.exists()
