"""The data that the benchmark works on, and the requests that it sends."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
from django.db import connection, transaction
from psycopg import sql

from accounts.models import Partner, Wallet
from accounts.services.keys import add_key
from accounts.services.partners import add_partner
from aftersales.models import ClaimType, Reason
from catalog.models import (
    Category,
    Pool,
    PoolAssignment,
    PoolMembership,
    Product,
    PurchasePrice,
    Sku,
    Stock,
    Warehouse,
)
from openplatform.core import clock
from openplatform.core.locking import transactional
from openplatform.core.scopes import Scope
from openplatform.messaging.models import Outbox
from openplatform.regions.models import Region
from orders.requests import Consignee, OrderRequest, RequestedItem
from orders.services.confirmation import confirm_order
from orders.services.freight_templates import RuleDraft, add_template
from orders.services.placement import place_order
from tests.bench.load import http_request

FUNCTIONS = Path(__file__).with_name("functions.sql")
CONSIGNEE = Consignee(name="张三", phone="13800138000", region="110101", address="东长安街 1 号")
FIRST_CODE = 10_000_001  # SKUs are called by consecutive numbers, which pgbench can draw too
HOT_SKUS = 10
LINES = 3
PLENTY = 1_000_000_000  # units of a SKU in a warehouse
OPENING_BALANCE = Decimal("9000000000.00")
REASON = "bench"  # of claims
AGREED_SKUS = 10  # own prices that each merchant has
WEEK_MINUTES = 7 * 24 * 60
SKUS_OF_A_PRODUCT = 10
BATCH = 1000  # a statement takes 65,535 parameters


@dataclass(frozen=True)
class Merchant:
    """A partner and its key."""

    partner_id: int
    key: str


@dataclass(frozen=True)
class World:
    """Merchants who all see the same SKUs, which are called FIRST_CODE and on."""

    merchants: Sequence[Merchant]
    skus: int

    @property
    def partner_ids(self) -> list[int]:
        return [merchant.partner_id for merchant in self.merchants]


def make_world(*, merchants: int, skus: int) -> World:
    """Fill an empty database that has the regions of CONSIGNEE in it."""
    _make_goods(skus)
    made = _make_merchants(merchants, skus)
    world = World(made, skus)
    created, confirmed = _sample_documents(world)
    statements = FUNCTIONS.read_text()
    for name, value in {
        "region": CONSIGNEE.region,
        "name": CONSIGNEE.name,
        "phone": CONSIGNEE.phone,
        "address": CONSIGNEE.address,
        "created_document": created,
        "confirmed_document": confirmed,
    }.items():
        statements = statements.replace(f"@{name}@", sql.Literal(value).as_string())
    connection.ensure_connection()
    with psycopg.ClientCursor(connection.connection) as cursor:
        cursor.execute(statements.encode())
    return world


def _make_goods(number: int) -> None:
    category = Category.objects.create(code="bench", name="Bench", level=1, path=[])
    Category.objects.filter(pk=category.pk).update(path=[category.pk])
    warehouses = [
        Warehouse.objects.create(code="north", name="North", region_id="110101", priority=10),
        Warehouse.objects.create(code="south", name="South", region_id="440106", priority=5),
    ]
    for warehouse, region in zip(warehouses, ("110000", "440000"), strict=True):
        warehouse.serves.set(Region.objects.filter(code__in=["110000", region]))
    codes = [str(FIRST_CODE + index) for index in range(number)]
    products = Product.objects.bulk_create(
        Product(code=f"P{code}", name=f"测试商品 {code}", category=category)
        for code in codes[::SKUS_OF_A_PRODUCT]
    )
    skus = Sku.objects.bulk_create(
        (
            Sku(
                code=code,
                product=products[index // SKUS_OF_A_PRODUCT],
                name=f"测试商品 {code} 白色 大号",
                weight_grams=300,
                market_price=Decimal(200 + index % 50),
                sale_price=Decimal(100 + index % 50),
            )
            for index, code in enumerate(codes)
        ),
        batch_size=BATCH,
    )
    Stock.objects.bulk_create(
        (
            Stock(warehouse=warehouse, sku=sku, on_hand=PLENTY)
            for sku in skus
            for warehouse in warehouses
        ),
        batch_size=BATCH,
    )
    pool = Pool.objects.create(code="bench", name="Bench")
    PoolMembership.objects.bulk_create(
        (PoolMembership(pool=pool, sku=sku) for sku in skus), batch_size=BATCH
    )
    with transaction.atomic():
        rule = RuleDraft(first_amount=Decimal("8.00"), step_size=500, step_amount=Decimal("2.00"))
        add_template(code="bench", name="bench", rules=[rule])
    Reason.objects.create(code=REASON, name="Bench", types=[ClaimType.REFUND])


@transactional
def _make_merchants(number: int, skus: int) -> list[Merchant]:
    now = clock.now()
    drawn = random.Random(1)
    sku_ids = list(Sku.objects.values_list("pk", flat=True))
    made = []
    for index in range(number):
        partner = add_partner(
            code=f"bench-{index}",
            name=f"Bench {index}",
            opening_balance=OPENING_BALANCE,
            actor="bench",
            now=now,
        )
        _key, text = add_key(partner=partner, scopes=Scope.values, actor="bench")
        made.append(Merchant(partner.pk, text))
    # Load is the point here, so that the caps are there but do not bite.
    Wallet.objects.update(max_open_orders=1_000_000_000)
    Partner.objects.update(order_expiry_minutes=WEEK_MINUTES)
    pool = Pool.objects.get()
    PoolAssignment.objects.bulk_create(
        (PoolAssignment(pool=pool, partner_id=merchant.partner_id) for merchant in made),
        batch_size=BATCH,
    )
    PurchasePrice.objects.bulk_create(
        (
            PurchasePrice(
                partner_id=merchant.partner_id,
                sku_id=sku_id,
                discount_percent=Decimal(10),
                starts_at=now - timedelta(days=1),
            )
            for merchant in made
            for sku_id in drawn.sample(sku_ids, min(AGREED_SKUS, skus))
        ),
        batch_size=BATCH,
    )
    return made


def _sample_documents(world: World) -> tuple[str, str]:
    """What the outbox holds after placing and after confirming, the number as ``@order_no@``."""
    partner_id = world.merchants[0].partner_id
    answer = place_order(
        partner_id=partner_id,
        request=OrderRequest(
            merchant_order_no="bench-sample",
            items=[RequestedItem(str(FIRST_CODE + index), 1) for index in range(LINES)],
            consignee=CONSIGNEE,
        ),
        now=clock.now(),
    )
    order_no = json.loads(answer.body)["order_no"]
    confirm_order(partner_id=partner_id, order_no=order_no, actor="bench", now=clock.now())
    created, confirmed = Outbox.objects.order_by("pk").values_list("data", flat=True)
    return (
        json.dumps(created, ensure_ascii=False).replace(order_no, "@order_no@"),
        json.dumps(confirmed, ensure_ascii=False).replace(order_no, "@order_no@"),
    )


# Requests, made while they are sent: the client's CPU time counts them in.

_numbers = itertools.count(1)


def place_requests(
    world: World, *, path: str = "/api/v1/orders", skus: int | None = None
) -> Iterator[bytes]:
    """Orders of any merchant for three of the first ``skus`` SKUs, without end."""
    consignee = json.dumps(
        {
            "name": CONSIGNEE.name,
            "phone": CONSIGNEE.phone,
            "region": CONSIGNEE.region,
            "address": CONSIGNEE.address,
        }
    )
    codes = range(FIRST_CODE, FIRST_CODE + (skus or world.skus))
    for number in _numbers:
        items = ",".join(f'{{"sku":"{code}","quantity":1}}' for code in random.sample(codes, LINES))
        body = f'{{"merchant_order_no":"M{number}","items":[{items}],"consignee":{consignee}}}'
        key = random.choice(world.merchants).key
        yield http_request("POST", path, key=key, body=body.encode())


def confirm_requests(
    world: World, merchants: Sequence[Merchant], *, prefix: str, first: int, number: int
) -> Iterator[bytes]:
    """Each of the orders that ``add_pending`` made for these merchants, once."""
    for n in range(first, first + number):
        key = merchants[n % len(merchants)].key
        yield http_request("POST", f"/api/v1/orders/{prefix}{n}/confirm", key=key)


def claim_requests(
    merchants: Sequence[Merchant], *, prefix: str, first: int, number: int
) -> Iterator[bytes]:
    """A claim on every line of each of the orders that ``add_paid`` made for these merchants."""
    items = ",".join(f'{{"line_no":"{line_no}","quantity":1}}' for line_no in range(1, LINES + 1))
    for n in range(first, first + number):
        body = (
            f'{{"merchant_aftersale_no":"{prefix}{n}","order_no":"{prefix}{n}-1","type":"refund",'
            f'"items":[{items}],"reason":"{REASON}","description":"消费者取消了订单"}}'
        )
        key = merchants[n % len(merchants)].key
        yield http_request("POST", "/api/v1/aftersales", key=key, body=body.encode())


def price_requests(
    world: World, *, skus: int, path: str = "/api/v1/catalog/prices", keys: Sequence[str] = ()
) -> Iterator[bytes]:
    """Prices of so many SKUs for any merchant, or for any of these keys, without end."""
    codes = range(FIRST_CODE, FIRST_CODE + world.skus)
    keys = keys or [merchant.key for merchant in world.merchants]
    while True:
        wanted = ",".join(map(str, random.sample(codes, skus)))
        yield http_request("GET", f"{path}?sku={wanted}", key=random.choice(keys))


def stock_requests(world: World, *, skus: int) -> Iterator[bytes]:
    """Whether one of each of so many SKUs can be delivered to a district, without end."""
    codes = range(FIRST_CODE, FIRST_CODE + world.skus)
    while True:
        items = ",".join(f'{{"sku":"{code}","quantity":1}}' for code in random.sample(codes, skus))
        body = f'{{"region":"{CONSIGNEE.region}","items":[{items}]}}'
        key = random.choice(world.merchants).key
        yield http_request("POST", "/api/v1/catalog/stock-checks", key=key, body=body.encode())
