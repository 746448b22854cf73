"""The groups of staff: who may do what, and that keys and money stay in different hands."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command

from openplatform.audit.models import AuditEntry
from openplatform.backoffice.roles import DECIDING_MONEY, ENTERING_MONEY, KEYS, PARTNERS, ROLES

pytestmark = pytest.mark.django_db

ALL_MONEY = ENTERING_MONEY | DECIDING_MONEY


def load() -> dict[str, dict[str, Any]]:
    """What ``load_roles --json`` prints, by role."""
    out = StringIO()
    call_command("load_roles", "--json", stdout=out)
    return {role["name"]: role for role in json.loads(out.getvalue())["roles"]}


def held_by(name: str) -> set[str]:
    """What a member of a group may do."""
    user = User.objects.create_user(f"one-of-{name}", is_staff=True)
    user.groups.add(Group.objects.get(name=name))
    return user.get_all_permissions()


def permission(name: str) -> Permission:
    app, _dot, codename = name.partition(".")
    return Permission.objects.get(content_type__app_label=app, codename=codename)


def test_groups_come_with_their_permissions_when_there_are_none():
    loaded = load()

    assert set(loaded) == {"operator", "finance"}
    assert Group.objects.count() == 2
    for name, role in loaded.items():
        held = held_by(name)
        assert role["is_new"] is True
        assert role["added"] == sorted(held)
        assert role["conflicts"] == []
    entries = AuditEntry.objects.order_by("subject_label")
    assert [(entry.action, entry.subject_label, entry.actor) for entry in entries] == [
        ("add", "finance", "load_roles"),
        ("add", "operator", "load_roles"),
    ]
    assert entries[0].after["permissions"] == loaded["finance"]["added"]


def test_keys_and_money_are_in_different_hands_when_roles_are_loaded():
    load()

    operator, finance = held_by("operator"), held_by("finance")
    assert operator >= KEYS | PARTNERS | {"catalog.change_sku", "orders.add_shipment"}
    assert not operator & ALL_MONEY
    assert finance >= ALL_MONEY | PARTNERS | {"accounts.add_bookcheck"}
    assert not finance & KEYS
    assert not finance & {"catalog.change_sku", "orders.change_order", "orders.add_shipment"}
    for held in (operator, finance):
        assert held >= {
            "accounts.view_wallet", "accounts.view_apikey", "approvals.view_approval",
            "audit.view_auditentry", "orders.view_order", "catalog.view_sku",
            "messaging.view_mail", "regions.view_region",
        }  # fmt: skip
        assert not [name for name in held if ".delete_" in name or name.startswith("auth.")]


def test_no_role_has_what_it_must_never_have_when_roles_are_defined():
    load()

    for role in ROLES:
        assert role.never
        assert not held_by(role.name) & role.never


def test_nothing_changes_when_roles_are_loaded_again():
    load()
    before = set(Group.permissions.through.objects.values_list("group_id", "permission_id"))
    entries = AuditEntry.objects.count()

    loaded = load()

    assert [(role["is_new"], role["added"], role["conflicts"]) for role in loaded.values()] == [
        (False, [], []),
        (False, [], []),
    ]
    assert set(Group.permissions.through.objects.values_list("group_id", "permission_id")) == before
    assert AuditEntry.objects.count() == entries


def test_group_gets_what_it_lacks_and_keeps_what_it_was_given():
    load()
    finance = Group.objects.get(name="finance")
    finance.permissions.remove(
        permission("accounts.decide_topup"), permission("accounts.view_wallet")
    )
    finance.permissions.add(permission("messaging.change_mail"))

    loaded = load()

    assert loaded["operator"]["added"] == []
    assert (loaded["finance"]["is_new"], loaded["finance"]["added"]) == (
        False, ["accounts.decide_topup", "accounts.view_wallet"],
    )  # fmt: skip
    assert held_by("finance") >= {
        "accounts.decide_topup", "accounts.view_wallet", "messaging.change_mail",
    }  # fmt: skip
    entry = AuditEntry.objects.get(action="change")
    assert entry.subject_label == "finance"
    assert set(entry.after["permissions"]) - set(entry.before["permissions"]) == {
        "accounts.decide_topup", "accounts.view_wallet",
    }  # fmt: skip


def test_conflict_is_told_and_stays_when_a_group_was_given_both():
    load()
    Group.objects.get(name="finance").permissions.add(permission("accounts.add_apikey"))
    out, err = StringIO(), StringIO()

    call_command("load_roles", stdout=out, stderr=err)

    assert out.getvalue() == "operator: 0 permissions added\nfinance: 0 permissions added\n"
    assert err.getvalue().startswith("finance also has accounts.add_apikey: ")
    assert "accounts.add_apikey" in held_by("finance")
    assert load()["finance"]["conflicts"] == ["accounts.add_apikey"]


def test_command_prints_what_it_added_when_a_group_is_new():
    load()
    Group.objects.get(name="operator").delete()
    out = StringIO()

    call_command("load_roles", stdout=out)

    lines = out.getvalue().splitlines()
    added = len(held_by("operator"))
    assert lines[0] == f"operator: a new group, with {added} permissions"
    assert "  + accounts.add_apikey" in lines
    assert lines[-1] == "finance: 0 permissions added"


def test_nothing_is_loaded_when_a_permission_is_not_in_the_database():
    permission("accounts.decide_withdrawal").delete()

    with pytest.raises(CommandError, match=r"accounts\.decide_withdrawal.*migrate"):
        call_command("load_roles")

    assert not Group.objects.exists()
