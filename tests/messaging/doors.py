"""How types of messages come about, by the services and requests that people use. That an endpoint
fails is found out by sending.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

from django.contrib.auth.models import User
from django.db import transaction

from accounts.models import Partner, Wallet
from accounts.services.key_warnings import warn_of_expiring_keys
from accounts.services.keys import create_key
from accounts.services.terms import change_status
from accounts.services.top_ups import enter_top_up
from catalog.models import Sku
from catalog.price_plans import How, PriceEdit, Rule
from catalog.services.base_prices import change_prices
from catalog.services.categories import CategoryDraft, save_categories
from catalog.services.counts import StockChange, apply_counts
from catalog.services.goods import edit_product
from catalog.services.shelf import set_shelf_state
from catalog.services.stock_telling import tell_stock
from openplatform.approvals.models import Approval
from openplatform.approvals.services.deciding import approve, reject
from openplatform.core import clock
from openplatform.core.locking import transactional
from openplatform.messaging.models import WebhookEndpoint
from openplatform.messaging.services.endpoints import change_endpoint, create_endpoint
from openplatform.messaging.services.resending import send_test
from openplatform.regions.services.loading import load_regions
from orders.services.cancellation import expire_due_orders
from orders.services.shipping import change_waybill
from reconciliation.models import Bill
from reconciliation.services.billing import watch_due_bills
from tests.accounts.money_moves import make_staff
from tests.aftersales import acts as claims
from tests.aftersales import deciding
from tests.cast import REGIONS, Merchant, World
from tests.catalog.pools import curate_pool
from tests.orders.acts import let_expire, pay, place, ship
from tests.orders.changing import close
from tests.reconciliation.bill_rows import issue, set_due, write_entry, write_statement
from tests.reconciliation.invoicing import ask
from tests.reconciliation.merchant_files import csv_of, upload
from tests.reconciliation.past import make_statement
from tests.sample_regions import write_csv

ACTOR = "operator"


@dataclass(frozen=True)
class Stage:
    """A shop with the SKUs ``A``, ``B``, which is in no pool, and ``C``, which is off the shelf."""

    shop: World
    merchant: Merchant
    folder: Path


Door = Callable[[Stage], object]


def make_stage(shop: World, merchant: Merchant, folder: Path) -> Stage:
    """Before anything happens."""
    shop.make_sku("A", north=5, south=5)
    shop.make_sku("B", in_pool=False)
    shop.make_sku("C", shelf_state=Sku.ShelfState.OFF_SHELF)
    return Stage(shop, merchant, folder)


# The catalogue


def _curate(stage: Stage, **acts: list[str]) -> None:
    curate_pool(pool_code="pool", actor=ACTOR, now=clock.now(), **acts)


def _shelve(stage: Stage, *, sku: str, state: Sku.ShelfState) -> None:
    set_shelf_state(sku_codes=[sku], state=state, actor=ACTOR, now=clock.now())


def _edit(stage: Stage) -> None:
    product = Sku.objects.get(code="A").product_id
    transactional(edit_product)(product_id=product, fields={"unit": "箱"}, now=clock.now())


def _reprice(stage: Stage, *, days: int | None) -> None:
    now = clock.now()
    change_prices(
        sku_ids=[Sku.objects.get(code="A").pk],
        edit=PriceEdit(sale_price=Rule(How.SET, Decimal("8.00"))),
        effective_at=None if days is None else now + timedelta(days=days),
        reason="spring",
        actor=ACTOR,
        now=now,
    )


def _count(stage: Stage) -> None:
    sku = Sku.objects.get(code="A")
    with transaction.atomic():
        change = StockChange(stage.shop.north.pk, sku.pk, on_hand=0)
        apply_counts(changes=[change], document_no="", actor=ACTOR)
    tell_stock()


def _rename_category(stage: Stage) -> None:
    draft = CategoryDraft("home", "Home", None)
    transactional(save_categories)(drafts=[draft], now=clock.now())


def _load_regions(stage: Stage) -> None:
    """The first library there is, and another release of it."""
    rows = [(code, parent or "", str(level), name) for code, parent, level, name in REGIONS]
    for file, more in (("first.csv", []), ("next.csv", [("310117", "310100", "3", "松江区")])):
        load_regions(file=write_csv(stage.folder / file, [*rows, *more]), now=clock.now())


# Orders


def _place_in_parts(stage: Stage) -> None:
    place(stage.merchant, items=[("A", 8)])


def _let_expire(stage: Stage) -> None:
    let_expire(place(stage.merchant)["order_no"])
    expire_due_orders()


def _cancel(stage: Stage) -> None:
    order_no = place(stage.merchant)["order_no"]
    assert stage.merchant.api.post(f"/orders/{order_no}/cancel").status_code == 200


def _close_a_unit(stage: Stage) -> None:
    close(_paid_part(stage, quantity=2), {1: 1})


def _ship(stage: Stage) -> None:
    ship(_paid_part(stage))


def _relabel(stage: Stage) -> None:
    shipment = ship(_paid_part(stage))
    change_waybill(
        shipment_no=shipment.shipment_no, carrier_code="sf", waybill_no="SF-2", reason="torn",
        actor=ACTOR, now=clock.now(),
    )  # fmt: skip


def _paid_part(stage: Stage, *, quantity: int = 1) -> str:
    [part] = pay(stage.merchant, items=[("A", quantity)])["suborders"]
    suborder_no: str = part["order_no"]
    return suborder_no


# Claims


def _claim(stage: Stage) -> claims.Document:
    claims.make_reasons()
    return claims.file(stage.merchant, _paid_part(stage))


def _cancel_claim(stage: Stage) -> None:
    number = _claim(stage)["aftersale_no"]
    assert stage.merchant.api.post(f"/aftersales/{number}/cancel").status_code == 200


def _note_on_claim(stage: Stage) -> None:
    number = _claim(stage)["aftersale_no"]
    answer = stage.merchant.api.post(f"/aftersales/{number}/notes", {"text": "Any news?"})
    assert answer.status_code == 201


# The account


def _fall_low(stage: Stage) -> None:
    Wallet.objects.update(alert_threshold=Decimal("9999.00"))
    place(stage.merchant)


def _decide_top_up(stage: Stage, *, decide: Callable[[int, User], object]) -> None:
    enter_top_up(
        partner_code=stage.merchant.partner.code, amount=Decimal("12.50"), reference="bank-1",
        paid_at=None, note="", user=make_staff("clerk"), now=clock.now(),
    )  # fmt: skip
    decide(Approval.objects.get().pk, make_staff("decider"))


def _approve(pk: int, user: User) -> None:
    approve(approval_id=pk, user=user, values={}, now=clock.now())


def _reject(pk: int, user: User) -> None:
    reject(approval_id=pk, user=user, reason="no such transfer", now=clock.now())


def _suspend(stage: Stage) -> None:
    change_status(
        partner_code=stage.merchant.partner.code, status=Partner.Status.SUSPENDED,
        reason="unpaid bill", user=make_staff("clerk"), now=clock.now(),
    )  # fmt: skip


def _let_key_end(stage: Stage) -> None:
    create_key(
        partner_code=stage.merchant.partner.code, scopes=["orders:read"], actor=ACTOR,
        expires_at=clock.now() + timedelta(days=5), note="shop",
    )  # fmt: skip
    warn_of_expiring_keys()


# Webhook endpoints


def make_endpoint(stage: Stage) -> WebhookEndpoint:
    """Where nobody listens; its host has to be one of WEBHOOK_PRIVATE_HOSTS."""
    endpoint, _secret = create_endpoint(
        partner_id=stage.merchant.partner.pk, url="http://127.0.0.1:9/hooks", types=[],
        description="orders", headers={}, actor=ACTOR,
    )  # fmt: skip
    return endpoint


def _disable(stage: Stage) -> None:
    change_endpoint(
        endpoint_id=make_endpoint(stage).endpoint_id,
        partner_id=stage.merchant.partner.pk,
        status="disabled",
        actor=ACTOR,
    )


def _test(stage: Stage) -> None:
    send_test(
        endpoint_id=make_endpoint(stage).endpoint_id,
        partner_id=stage.merchant.partner.pk,
        actor=ACTOR,
    )


# Statements, reports, bills and invoices


def _state(stage: Stage) -> None:
    make_statement(stage.merchant.partner, "2026-01-01", "2026-01-31")


def _reconcile(stage: Stage) -> None:
    books = csv_of(("M-9", "order_payment", "-5.00", "2026-01-02"))
    upload(stage.merchant, books, "2026-01-01", "2026-01-31")


def _invoice(stage: Stage) -> None:
    ask(stage.merchant, pay(stage.merchant)["order_no"])


def _bill(stage: Stage) -> Bill:
    write_entry(stage.merchant.partner, "-10050.00")
    bill = issue(write_statement(stage.merchant.partner))
    assert bill is not None
    return bill


def _let_bill_go_unpaid(stage: Stage) -> None:
    set_due(_bill(stage), -1, issued=16)
    watch_due_bills()


DOORS: dict[str, Door] = {
    "account.balance_low": _fall_low,
    "account.changed": _suspend,
    "account.top_up_rejected": partial(_decide_top_up, decide=_reject),
    "account.topped_up": partial(_decide_top_up, decide=_approve),
    "aftersale.completed": lambda stage: deciding.approve(_claim(stage)),
    "aftersale.failed": _cancel_claim,
    "aftersale.note_added": _note_on_claim,
    "aftersale.reviewed": lambda stage: deciding.ask(_claim(stage)),
    "aftersale.status_changed": _claim,
    "bill.issued": _bill,
    "bill.overdue": _let_bill_go_unpaid,
    "category.changed": _rename_category,
    "invoice.status_changed": _invoice,
    "key.expiring": _let_key_end,
    "order.cancelled": _cancel,
    "order.created": lambda stage: place(stage.merchant),
    "order.expired": _let_expire,
    "order.split": _place_in_parts,
    "order.status_changed": lambda stage: pay(stage.merchant),
    "order.updated": _close_a_unit,
    "pool.sku_added": partial(_curate, add=["B"]),
    "pool.sku_removed": partial(_curate, remove=["A"]),
    "price.announced": partial(_reprice, days=1),
    "price.changed": partial(_reprice, days=None),
    "reconciliation.ready": _reconcile,
    "regions.changed": _load_regions,
    "shipment.created": _ship,
    "shipment.updated": _relabel,
    "sku.off_shelf": partial(_shelve, sku="A", state=Sku.ShelfState.OFF_SHELF),
    "sku.on_shelf": partial(_shelve, sku="C", state=Sku.ShelfState.ON_SHELF),
    "sku.updated": _edit,
    "statement.ready": _state,
    "stock.changed": _count,
    "test.ping": _test,
    "webhook_endpoint.disabled": _disable,
}
