"""Splitting, moving and closing on pages of the back office."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Wallet
from catalog.models import Sku, Stock, Warehouse
from openplatform.audit.models import AuditEntry
from orders.models import Closure, Order, Split, Suborder
from tests.backoffice.conftest import Staff
from tests.cast import World
from tests.orders.acts import ship, stock_numbers
from tests.orders.changing import close, everything, require_conserved

AGAIN = "The numbers have changed since the preview; look at them again"


@pytest.fixture
def part(to_ship: Suborder) -> Suborder:
    """Three of A and two of B in the north, 70.00 and 14.00 of freight; A is in the south, too."""
    south = Warehouse.objects.get(code="south")
    Stock.objects.create(warehouse=south, sku=Sku.objects.get(code="A"), on_hand=5)
    return to_ship


def url_of(act: str, part: Suborder) -> str:
    if act == "close_rest":
        return reverse("admin:orders_order_close_rest", args=(part.order_id,))
    return reverse(f"admin:orders_suborder_{act}", args=(part.pk,))


def split_form(to: str = "south", **fields: Any) -> dict[str, Any]:
    return {
        "line_1": 2, "line_2": 0, "to_warehouse": Warehouse.objects.get(code=to).pk,
        "units": "write_off", "reason": "damaged", **fields,
    }  # fmt: skip


def move_form(to: str = "south", **fields: Any) -> dict[str, Any]:
    return {
        "to_warehouse": Warehouse.objects.get(code=to).pk, "units": "restock", "reason": "missing",
        **fields,
    }  # fmt: skip


def close_form(**fields: Any) -> dict[str, Any]:
    return {
        "line_1": 2, "line_2": 0, "units": "restock", "freight": "by_rule", "reason": "sold out",
        **fields,
    }  # fmt: skip


FORMS = {
    "split": split_form,
    "move": move_form,
    "close": close_form,
    "close_rest": lambda: {"units": "restock", "freight": "by_rule", "reason": "called off"},
}


def confirm(client: Client, url: str, page: Any, form: dict[str, Any], **fields: Any) -> Any:
    """Send the same values again, as the preview asks for them."""
    look = page.context["look"]
    return client.post(
        url,
        {**form, "expected": look.fingerprint, "values": page.context["values"], **fields},
        follow=True,
    )


def table(page: Any, name: str) -> list[list[str]]:
    """The cells of a table of the preview, as they are shown."""
    found = re.search(
        rf'<table class="w-full" id="{name}">.*?</table>', page.content.decode(), re.S
    )
    assert found, name
    rows = re.findall(r"<tr.*?</tr>", found.group(), re.S)[1:]
    return [
        [re.sub(r"<.*?>", "", cell).strip() for cell in re.findall(r"<td.*?</td>", row, re.S)]
        for row in rows
    ]


def shown(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def test_preview_tells_money_freight_and_stock_when_units_are_to_be_split_off(
    boss: Client, part: Suborder
) -> None:
    before = everything()

    page = boss.post(url_of("split", part), split_form())

    assert table(page, "parts") == [
        [f"{part.order_no} now", "north north", "70.00", "14.00", "84.00"],
        [f"{part.order_no} afterwards", "north north", "50.00", "10.00", "60.00"],
        ["The new suborder", "south south", "20.00", "4.00", "24.00"],
    ]
    assert table(page, "lines") == [["A 商品 A", "2", "10.00", "20.00", "1"]]
    assert table(page, "stock") == [
        ["south south · A", "5 → 3", "0 → 2"],
        ["north north · A", "47 → 47", "3 → 1"],
    ]
    assert everything() == before


def test_units_are_split_off_as_shown_when_it_is_confirmed(boss: Client, part: Suborder) -> None:
    url = url_of("split", part)
    page = boss.post(url, split_form())

    response = confirm(boss, url, page, split_form())

    assert shown(response) == [f"Suborder {part.order.order_no}-2 was split off"]
    assert [
        (row.warehouse.code, row.goods_amount, row.freight_amount)
        for row in Suborder.objects.order_by("id")
    ] == [
        ("north", Decimal("50.00"), Decimal("10.00")),
        ("south", Decimal("20.00"), Decimal("4.00")),
    ]
    assert (stock_numbers("A"), stock_numbers("A", "south")) == ((47, 0, 1), (3, 0, 2))
    assert AuditEntry.objects.get(action="split_suborder").actor == "boss"
    require_conserved()


def test_suborder_is_moved_as_shown_when_it_is_confirmed(boss: Client, part: Suborder) -> None:
    close(part.order_no, {2: 2})
    url = url_of("move", part)
    page = boss.post(url, move_form())
    assert table(page, "stock") == [
        ["south south · A", "5 → 2", "0 → 3"],
        ["north north · A", "47 → 50", "3 → 0"],
    ]

    response = confirm(boss, url, page, move_form())

    assert shown(response) == ["south south ships the suborder"]
    assert Suborder.objects.get().warehouse.code == "south"
    require_conserved()


def test_refund_is_shown_and_booked_once_it_is_confirmed(boss: Client, part: Suborder) -> None:
    url = url_of("close", part)
    balance = Wallet.objects.get().balance
    page = boss.post(url, close_form(freight="refund"))
    assert table(page, "money") == [
        ["Goods", "20.00"],
        ["Freight", "14.00"],
        ["Refund", "34.00"],
        ["Balance of the merchant before", "9,916.00"],
        ["Balance of the merchant afterwards", "9,950.00"],
    ]
    assert table(page, "parts") == [
        [f"{part.order_no} north north", "84.00", "0.00", "34.00", "14.00"]
    ]

    unticked = confirm(boss, url, page, close_form(freight="refund"))
    assert "Tick the box to go on" in unticked.content.decode()
    assert not Closure.objects.exists()
    response = confirm(boss, url, page, close_form(freight="refund"), confirmed="1")

    assert shown(response) == ["34.00 was refunded"]
    assert Wallet.objects.get().balance == balance + 34
    assert (Closure.objects.get().actor, Closure.objects.get().reason) == ("boss", "sold out")
    require_conserved()


def test_whole_order_is_closed_once_it_is_confirmed(boss: Client, part: Suborder) -> None:
    url = url_of("close_rest", part)
    form = FORMS["close_rest"]()
    page = boss.post(url, form)
    assert table(page, "money")[2] == ["Refund", "84.00"]

    response = confirm(boss, url, page, form, confirmed="1")

    assert shown(response) == ["84.00 was refunded"]
    assert Order.objects.get().status == "closed"
    require_conserved()


def test_second_click_ends_as_the_first_when_the_order_is_closed(
    boss: Client, part: Suborder
) -> None:
    url, form = url_of("close_rest", part), FORMS["close_rest"]()
    page = boss.post(url, form)

    ends = [confirm(boss, url, page, form, confirmed="1") for _click in range(2)]

    assert Closure.objects.filter(suborder__order=part.order_id).count() == 1
    assert [shown(end) for end in ends] == [["84.00 was refunded"]] * 2


@pytest.mark.parametrize("act", FORMS)
def test_preview_is_shown_again_when_the_order_changed_in_the_meantime(
    boss: Client, part: Suborder, act: str
) -> None:
    close(part.order_no, {2: 2})
    form = FORMS[act]()
    page = boss.post(url_of(act, part), form)
    close(part.order_no, {1: 1})
    before = everything()

    response = confirm(boss, url_of(act, part), page, form, confirmed="1")

    assert AGAIN in shown(response)
    assert everything() == before


@pytest.mark.parametrize("expected", ["", "x", "１", "-1", "9" * 40])
def test_nothing_is_done_when_the_version_looked_at_is_made_up(
    boss: Client, part: Suborder, expected: str
) -> None:
    page = boss.post(url_of("split", part), split_form())
    before = everything()

    response = confirm(boss, url_of("split", part), page, split_form(), expected=expected)

    assert AGAIN in shown(response)
    assert everything() == before


def test_box_is_to_be_ticked_when_the_warehouse_does_not_serve_the_region(
    boss: Client, part: Suborder, shop: World
) -> None:
    far = shop.make_warehouse("far", "650102", ["650000"])
    Stock.objects.create(warehouse=far, sku=Sku.objects.get(code="A"), on_hand=5)
    url = url_of("split", part)
    form = split_form("far")
    page = boss.post(url, form)
    assert "does not serve the region of the consignee" in str(page.context["look"].confirm)

    unticked = confirm(boss, url, page, form)
    assert not Split.objects.exists()
    response = confirm(boss, url, page, form, confirmed="1")

    assert "Tick the box to go on" in unticked.content.decode()
    assert shown(response) == [f"Suborder {part.order.order_no}-2 was split off"]


def test_refusal_stands_at_the_warehouse_when_it_holds_too_little(
    boss: Client, part: Suborder
) -> None:
    response = boss.post(url_of("split", part), split_form(line_2=1))

    assert response.context["form"].errors == {
        "to_warehouse": ["The warehouse has fewer than 1 units of B to promise"]
    }


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"line_1": 0}, {"__all__": ["No units were chosen"]}),
        ({"line_1": 4}, {"line_1": ["Ensure this value is less than or equal to 3."]}),
        ({"units": ""}, {"units": ["Say what becomes of the units at the old warehouse"]}),
        ({"reason": ""}, {"reason": ["This field is required."]}),
        (
            {"line_1": 3, "line_2": 2},
            {"__all__": ["Nothing would stay: move the suborder as a whole instead"]},
        ),
    ],
)
def test_form_names_what_is_wrong_with_a_split(
    boss: Client, part: Suborder, fields: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    response = boss.post(url_of("split", part), split_form(**fields))

    assert response.context["form"].errors == errors


def test_nothing_is_asked_of_the_old_warehouse_when_it_ships_two_parcels(
    boss: Client, part: Suborder
) -> None:
    page = boss.post(url_of("split", part), split_form("north", units=""))

    assert table(page, "stock") == [["No stock moves", "", ""]]


def test_warehouses_come_with_what_speaks_for_them(boss: Client, part: Suborder) -> None:
    page = boss.get(url_of("split", part))

    choices = [str(label) for _value, label in page.context["form"].fields["to_warehouse"].choices]
    assert choices == ["north north (ships it now)", "south south (short of some SKUs)"]


@pytest.mark.parametrize("act", FORMS)
def test_page_is_refused_without_its_permission(staff: Staff, part: Suborder, act: str) -> None:
    client = staff("orders.view_suborder", "orders.view_order", "orders.add_shipment")
    before = everything()

    response = client.post(url_of(act, part), FORMS[act]())

    assert response.status_code == 403
    assert everything() == before


@pytest.mark.parametrize(
    ("permission", "acts"),
    [("orders.add_split", ["split", "move"]), ("orders.add_closure", ["close", "close_rest"])],
)
def test_page_opens_with_its_permission(
    staff: Staff, part: Suborder, permission: str, acts: list[str]
) -> None:
    client = staff("orders.view_suborder", "orders.view_order", permission)

    assert [client.get(url_of(act, part)).status_code for act in acts] == [200, 200]


@pytest.mark.parametrize(
    ("state", "buttons"),
    [
        ("awaiting", ["split", "move", "close", "close_rest"]),
        ("partly", ["close", "close_rest"]),
        ("shipped", []),
    ],
)
def test_buttons_are_those_that_the_state_allows(
    boss: Client, part: Suborder, state: str, buttons: list[str]
) -> None:
    if state != "awaiting":
        ship(part.order_no, {1: 1} if state == "partly" else None)

    pages = "".join(
        boss.get(reverse(f"admin:orders_{model}_change", args=(key,))).content.decode()
        for model, key in (("suborder", part.pk), ("order", part.order_id))
    )

    assert [act for act in FORMS if f'"{url_of(act, part)}"' in pages] == buttons


@pytest.mark.parametrize("act", FORMS)
def test_refusal_is_shown_when_the_state_does_not_allow_it_any_more(
    boss: Client, part: Suborder, act: str
) -> None:
    form = FORMS[act]()
    ship(part.order_no)
    before = everything()

    answers = [
        boss.get(url_of(act, part), follow=True),
        boss.post(url_of(act, part), form, follow=True),
    ]

    model, key = ("order", part.order_id) if act == "close_rest" else ("suborder", part.pk)
    back_to = reverse(f"admin:orders_{model}_change", args=(key,))
    assert [answer.redirect_chain for answer in answers] == [[(back_to, 302)]] * 2
    assert [shown(answer) for answer in answers] == [["Nothing is left to ship"]] * 2
    assert everything() == before


@pytest.mark.parametrize("act", ["split", "move"])
def test_state_is_the_reason_when_something_is_left(boss: Client, part: Suborder, act: str) -> None:
    ship(part.order_no, {1: 1})

    response = boss.get(url_of(act, part), follow=True)

    assert shown(response) == ["The order is in a state that does not allow this"]


def test_closures_and_splits_are_seen_at_the_suborder(boss: Client, part: Suborder) -> None:
    closure = close(part.order_no, {1: 1})
    page = boss.post(url_of("split", part), split_form(line_1=1))
    confirm(boss, url_of("split", part), page, split_form(line_1=1))

    text = boss.get(reverse("admin:orders_suborder_change", args=(part.pk,))).content.decode()
    listed = boss.get(
        reverse("admin:orders_closure_changelist"), {"q": closure.closure_no}
    ).content.decode()
    opened = boss.get(reverse("admin:orders_closure_change", args=(closure.pk,)))

    assert closure.closure_no in text
    assert "damaged" in text
    assert closure.closure_no in listed
    assert opened.status_code == 200


@pytest.mark.parametrize("object_id", ["x", "0", "9" * 30, "1_2F"])
def test_page_of_no_suborder_is_not_found(boss: Client, part: Suborder, object_id: str) -> None:
    assert boss.get(f"/admin/orders/suborder/{object_id}/close/").status_code in (404, 302)
    assert boss.get(f"/admin/orders/suborder/{object_id}/change/").status_code == 302
