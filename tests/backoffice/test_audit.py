"""Every edit of the back office stands in the trail, with before and after, and nothing secret."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from accounts.models import Contact
from accounts.services.keys import create_key
from catalog.models import Brand, CategoryAttribute, Stock
from openplatform.audit.actions import ACTIONS
from openplatform.audit.admin import AuditEntryAdmin
from openplatform.audit.models import AuditEntry
from openplatform.core.admin.model_admins import ModelAdmin, ReadOnlyAdmin
from orders.models import Carrier, Suborder
from tests.backoffice.conftest import Staff
from tests.backoffice.test_pools import confirm
from tests.cast import Merchant, World

ROOT = Path(__file__).resolve().parents[2]
EDITABLE = [
    model for model, shown in admin.site._registry.items() if not isinstance(shown, ReadOnlyAdmin)
]
RECORDERS = {"record_change", "record_changes", "record_run", "_record"}
# What the base class does; a subclass that replaced it could forget to record.
HOOKS = ("save_form", "save_formset", "delete_model", "delete_queryset", "log_change")


def _url(model: str, page: str, *args: Any) -> str:
    return reverse(f"admin:{model.replace('.', '_')}_{page}", args=args)


def _entries(**filters: Any) -> list[tuple[str, dict[str, Any], dict[str, Any], str]]:
    rows = AuditEntry.objects.filter(**filters).order_by("id")
    return [(row.action, row.before, row.after, row.actor) for row in rows]


# Edits by forms


def test_row_is_recorded_when_it_is_added_changed_and_deleted(world: World, boss: Client):
    boss.post(_url("orders.carrier", "add"), {"code": "yt", "name": "圆通", "is_active": "on"})
    carrier = Carrier.objects.get(code="yt")
    page = _url("orders.carrier", "change", carrier.pk)
    boss.post(page, {"name": "圆通速递", "is_active": "on"}, headers={"X-Request-Id": "request-42"})
    boss.post(page, {"name": "圆通速递", "is_active": "on"})
    boss.post(_url("orders.carrier", "delete", carrier.pk), {"post": "yes"})

    assert _entries(subject_type="orders.carrier", subject_id=str(carrier.pk)) == [
        ("add", {}, {"code": "yt", "name": "圆通", "is_active": True}, "boss"),
        ("change", {"name": "圆通"}, {"name": "圆通速递"}, "boss"),
        ("delete", {"code": "yt", "name": "圆通速递", "is_active": True}, {}, "boss"),
    ]
    changed = AuditEntry.objects.get(action="change")
    assert (changed.request_id, changed.address) == ("request-42", "127.0.0.1")
    assert not LogEntry.objects.exists()


def test_rows_are_recorded_when_several_are_deleted_at_once(world: World, boss: Client):
    brands = [Brand.objects.create(name=name) for name in ("One", "Two")]

    boss.post(
        _url("catalog.brand", "changelist"),
        {
            "action": "delete_selected", "post": "yes",
            "_selected_action": [brand.pk for brand in brands],
        },
    )  # fmt: skip

    assert not Brand.objects.exists()
    assert sorted(entry[1]["name"] for entry in _entries(action="delete")) == ["One", "Two"]


def test_nothing_is_recorded_when_an_edit_is_refused(world: World, boss: Client):
    page = _url("orders.carrier", "change", world.carrier.pk)

    response = boss.post(page, {"name": "", "is_active": "on"})

    assert response.status_code == 200
    assert not AuditEntry.objects.exists()


def test_served_regions_are_recorded_by_name_when_they_change(world: World, boss: Client):
    form = {
        "name": "north", "region": "310115", "serves": ["310000"], "priority": 10,
        "return_address": "",
    }  # fmt: skip

    response = boss.post(_url("catalog.warehouse", "change", world.north.pk), form)

    assert response.status_code == 302, response.context["errors"]
    [(action, before, after, _actor)] = _entries()
    assert action == "change"
    assert list(before) == list(after) == ["serves"]
    assert len(before["serves"]) == 2
    assert len(after["serves"]) == 1


def test_rows_below_are_recorded_on_their_own_when_they_change(shop: World, boss: Client):
    rows = CategoryAttribute.objects
    kept = rows.create(category=shop.category, name="material", position=1)
    gone = rows.create(category=shop.category, name="care", position=2)
    page = _url("catalog.category", "change", shop.category.pk)
    form = _sent_back(boss.get(page))
    prefix = "attributes"
    form |= {
        f"{prefix}-TOTAL_FORMS": "3",
        f"{prefix}-0-choices": "cotton\nlinen",
        f"{prefix}-1-DELETE": "on",
        f"{prefix}-2-name": "origin",
        f"{prefix}-2-position": "9",
    }

    response = boss.post(page, form)

    assert response.status_code == 302, response.context["errors"]
    entries = AuditEntry.objects.filter(subject_type="catalog.categoryattribute")
    attributes = {entry.subject_id: entry for entry in entries}
    changed = attributes[str(kept.pk)]
    assert (changed.action, changed.before, changed.after) == (
        "change", {"choices": []}, {"choices": ["cotton", "linen"]},
    )  # fmt: skip
    assert attributes[str(gone.pk)].action == "delete"
    assert attributes[str(gone.pk)].before["name"] == "care"
    added = rows.get(name="origin")
    entry = attributes[str(added.pk)]
    assert (entry.action, entry.after["position"]) == ("add", 9)
    assert len(attributes) == 3


def _sent_back(page: Any) -> dict[str, Any]:
    """What a browser sends when nothing was touched."""
    form: dict[str, Any] = {}
    forms = [page.context["adminform"].form]
    for shown in page.context["inline_admin_formsets"]:
        forms += [shown.formset.management_form, *shown.formset.initial_forms]
    for part in forms:
        for field in part:
            value = field.value()
            form[field.html_name] = "" if value is None else value
    return form


def test_partner_is_named_when_a_row_of_it_is_edited(merchant: Merchant, boss: Client):
    contact = Contact.objects.create(
        partner=merchant.partner, name="Li", role="finance", email="li@example.com"
    )

    boss.post(_url("accounts.contact", "delete", contact.pk), {"post": "yes"})

    entry = AuditEntry.objects.get(action="delete")
    assert (entry.partner, entry.before["email"]) == (merchant.partner, "li@example.com")


# Staff


def test_group_is_recorded_by_names_when_its_permissions_change(db: None, boss: Client):
    group = Group.objects.create(name="clerks")
    permissions = Permission.objects.filter(
        content_type__app_label="catalog", codename__in=["view_sku", "change_sku"]
    )

    boss.post(
        _url("auth.group", "change", group.pk),
        {"name": "clerks", "permissions": [permission.pk for permission in permissions]},
    )

    assert _entries(subject_type="auth.group") == [
        (
            "change", {"permissions": []},
            {"permissions": ["catalog.change_sku", "catalog.view_sku"]}, "boss",
        )
    ]  # fmt: skip


def test_no_password_is_told_when_a_user_is_added_and_its_password_changed(db: None, boss: Client):
    secret = "Corr3ct-horse-battery"
    boss.post(
        _url("auth.user", "add"),
        {
            "username": "clerk", "password1": secret, "password2": secret,
            "usable_password": "true",
        },
    )  # fmt: skip
    clerk = User.objects.get(username="clerk")
    changed = boss.post(
        f"/admin/auth/user/{clerk.pk}/password/",
        {"password1": f"{secret}2", "password2": f"{secret}2", "usable_password": "true"},
    )

    assert changed.status_code == 302
    added, password = AuditEntry.objects.filter(subject_type="auth.user").order_by("id")
    assert (added.action, added.after["username"]) == ("add", "clerk")
    assert (password.action, password.before, password.after) == ("change_password", {}, {})
    assert (password.subject_id, password.actor) == (str(clerk.pk), "boss")
    told = f"{added.after} {added.before} {password.after} {password.before}"
    assert secret not in told
    assert "password" not in told
    assert "pbkdf2" not in told


def test_change_is_recorded_when_one_changes_ones_own_password(db: None, boss: Client):
    user = User.objects.get(username="boss")
    user.set_password("Old-secret-2026")
    user.save()
    boss.force_login(user)
    form = {
        "old_password": "Old-secret-2026", "new_password1": "New-secret-2026x",
        "new_password2": "New-secret-2026x",
    }  # fmt: skip

    wrong = boss.post("/admin/password_change/", {**form, "old_password": "no"})
    assert not AuditEntry.objects.exists()
    done = boss.post("/admin/password_change/", form)

    assert (wrong.status_code, done.status_code) == (200, 302)
    assert _entries() == [("change_password", {}, {}, "boss")]


def test_digest_of_a_key_is_nowhere_when_a_key_is_made(merchant: Merchant):
    _key, text = create_key(partner_code="acme", scopes=["orders:read"], actor="boss")

    for entry in AuditEntry.objects.all():
        told = f"{entry.before} {entry.after} {entry.subject_label} {entry.reason}"
        assert "digest" not in told
        assert text not in told


# Acts of services


def test_skus_are_recorded_one_by_one_when_they_leave_the_shelf(shop: World, boss: Client):
    skus = [shop.make_sku("A"), shop.make_sku("B", shelf_state="off_shelf")]

    boss.post(
        _url("catalog.sku", "changelist"),
        {"action": "take_off_shelf", "_selected_action": [sku.pk for sku in skus]},
    )

    entry = AuditEntry.objects.get(subject_type="catalog.sku")
    assert (entry.action, entry.subject_id, entry.before, entry.after, entry.actor) == (
        "set_shelf_state", str(skus[0].pk), {"shelf_state": "on_shelf"},
        {"shelf_state": "off_shelf"}, "boss",
    )  # fmt: skip


def test_pool_is_recorded_when_skus_and_partners_are_chosen(
    shop: World, merchant: Merchant, stranger: Merchant, boss: Client
):
    shop.make_sku("A")
    shop.make_sku("B", in_pool=False)

    for page, form in (
        ("curate", {"act": "take_in", "codes": "B"}),
        ("assign", {"partners": [stranger.partner.pk]}),
    ):
        url = _url("catalog.pool", page, shop.pool.pk)
        confirm(boss, url, boss.post(url, form))

    assert _entries(subject_type="catalog.pool") == [
        ("curate_pool", {}, {"skus_taken_in": 1}, "boss"),
        ("assign_partners", {"partners": ["acme"]}, {"partners": ["stranger"]}, "boss"),
    ]


def test_stock_is_recorded_when_it_is_counted(shop: World, boss: Client):
    sku = shop.make_sku("A", north=10)
    stock = Stock.objects.get(sku=sku)

    boss.post(
        _url("catalog.stock", "count", stock.pk),
        {
            "kind": "sellable", "on_hand": "7", "expected_on_hand": "10", "safety_quantity": "2",
            "document_no": "SHEET-1",
        },
    )  # fmt: skip

    assert _entries(subject_type="catalog.stock") == [
        (
            "count_stock", {"on_hand": 10, "safety_quantity": 0},
            {"on_hand": 7, "safety_quantity": 2, "document_no": "SHEET-1"}, "boss",
        )
    ]  # fmt: skip


def test_suborder_is_recorded_once_when_the_parcel_is_sent_twice(
    to_ship: Suborder, shop: World, merchant: Merchant, boss: Client
):
    parcel = {
        "carrier": shop.carrier.pk, "waybill_no": "SF100", "shipped_at_0": "2026-01-31",
        "shipped_at_1": "08:00:00", "line_1": "3", "line_2": "2",
    }  # fmt: skip

    for _attempt in range(2):
        boss.post(_url("orders.suborder", "ship", to_ship.pk), parcel)

    entry = AuditEntry.objects.get(subject_type="orders.suborder")
    assert (entry.action, entry.before, entry.partner) == (
        "ship_suborder", {"status": "awaiting_shipment"}, merchant.partner,
    )  # fmt: skip
    assert (entry.after["status"], entry.after["waybill_no"]) == ("shipped", "SF100")


# The pages


def test_detail_shows_before_and_after_in_words_when_a_state_changed(shop: World, boss: Client):
    sku = shop.make_sku("A")
    boss.post(
        _url("catalog.sku", "changelist"),
        {"action": "take_off_shelf", "_selected_action": [sku.pk]},
    )
    entry = AuditEntry.objects.get(subject_type="catalog.sku")

    page = boss.get(_url("audit.auditentry", "change", entry.pk))

    assert page.context["changed_fields"] == [("Shelf state", "On shelf", "Off shelf")]
    assert _url("catalog.sku", "change", sku.pk) in page.content.decode()


def test_history_of_a_row_is_the_trail_of_it(shop: World, boss: Client):
    sku, other = shop.make_sku("A"), shop.make_sku("B")
    boss.post(
        _url("catalog.sku", "changelist"),
        {"action": "take_off_shelf", "_selected_action": [sku.pk, other.pk]},
    )

    page = boss.get(_url("catalog.sku", "history", sku.pk), follow=True)

    assert [entry.subject_id for entry in page.context["cl"].result_list] == [str(sku.pk)]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"action": "change"}, 1),
        ({"action": "delete"}, 0),
        ({"subject_type": "orders.carrier"}, 1),
        ({"subject_type": "catalog.sku"}, 0),
        ({"actor": "bos"}, 1),
        ({"actor": "nobody"}, 0),
        ({"q": "request-42"}, 1),
        ({"q": "顺丰"}, 1),
        ({"q": "request-4"}, 0),
    ],
)
def test_entry_is_found_when_it_is_filtered_and_searched(
    query: dict[str, str], count: int, world: World, boss: Client
):
    boss.post(
        _url("orders.carrier", "change", world.carrier.pk),
        {"name": "顺丰", "is_active": "on"},
        headers={"X-Request-Id": "request-42"},
    )

    listed = boss.get(_url("audit.auditentry", "changelist"), query)

    assert listed.context["cl"].result_count == count


def test_trail_is_refused_when_staff_has_no_permission(world: World, staff: Staff):
    client = staff("orders.view_carrier")

    assert client.get(_url("audit.auditentry", "changelist")).status_code == 403
    history = client.get(_url("orders.carrier", "history", world.carrier.pk), follow=True)
    assert history.status_code == 403


# Nothing escapes


def test_every_editable_admin_records_when_the_site_is_complete():
    escaped = [
        (model._meta.label, hook)
        for model in EDITABLE
        for hook in HOOKS
        if getattr(type(admin.site._registry[model]), hook) is not getattr(ModelAdmin, hook)
    ]

    # These record by themselves what their steps did: tests/backoffice/test_{goods,freight}.py.
    assert sorted(escaped) == [
        ("catalog.Category", "delete_model"),
        ("catalog.Sku", "save_formset"),
        ("orders.FreightTemplate", "delete_model"),
        ("orders.FreightTemplate", "save_formset"),
    ]
    assert isinstance(admin.site._registry[AuditEntry], AuditEntryAdmin)


def test_every_action_has_a_name_when_the_code_records_it():
    recorded = {
        action.value
        for folder in ("accounts", "catalog", "orders", "openplatform")
        for file in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in RECORDERS
        for action in (
            *node.args[:1],
            *(keyword.value for keyword in node.keywords if keyword.arg == "action"),
        )
        if isinstance(action, ast.Constant) and isinstance(action.value, str)
    }

    assert {"revoke_key", "curate_pool", "import_file"} <= recorded
    assert recorded - set(ACTIONS) == set()
