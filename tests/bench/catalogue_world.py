"""A whole range for the catalogue's bench: files to import, and merchants who see parts of it."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from pathlib import Path

from accounts.models import Wallet
from accounts.services.keys import add_key
from accounts.services.partners import add_partner
from catalog.models import Category, Pool, Sku, Stock, Warehouse
from catalog.services.membership import add_assignments
from openplatform.core import clock
from openplatform.core.locking import transactional
from openplatform.core.scopes import Scope
from openplatform.regions.models import Region
from orders.services.freight_templates import RuleDraft, add_template
from tests.bench.world import CONSIGNEE

EVERYTHING = "everything"  # the pool of one merchant that sees the whole range
POOLS_OF_A_SKU = 2
BRANDS, LEAVES = 200, 300
DESCRIPTION = "<p>" + "结实耐用,适合日常办公与家庭使用。" * 60 + "</p>"
PLENTY = 1_000_000
BATCH = 5000


@dataclass(frozen=True)
class Range:
    """How large the range is."""

    skus: int
    merchants: int
    pools: int

    def code(self, index: int) -> str:
        """Of the SKU with this place in the order of codes, from 0."""
        return f"S{index:06}"

    def pools_of(self, index: int) -> list[str]:
        """The pools that show a SKU, besides the one with everything."""
        return sorted({f"pool-{index % self.pools}", f"pool-{(index * 7 + 3) % self.pools}"})


def make_categories_and_pools(size: Range) -> None:
    """Three levels of categories, and empty pools."""
    leaf_numbers = count()
    for top in range(5):
        root = _category(f"c{top}", f"类目{top}", None)
        for middle in range(6):
            branch = _category(f"c{top}-{middle}", f"类目{top}之{middle}", root)
            for _ in range(LEAVES // 30):
                number = next(leaf_numbers)
                _category(f"leaf-{number}", f"细类{number}", branch)
    codes = [EVERYTHING, *(f"pool-{number}" for number in range(size.pools))]
    Pool.objects.bulk_create(Pool(code=code, name=code) for code in codes)


def _category(code: str, name: str, parent: Category | None) -> Category:
    above = parent.path if parent else []
    category = Category.objects.create(
        code=code, name=name, parent=parent, level=len(above) + 1, path=[]
    )
    category.path = [*above, category.pk]
    category.save(update_fields=["path"])
    return category


def write_products_file(file: Path, size: Range, indexes: Sequence[int]) -> None:
    """A file of these SKUs as ``manage.py import products`` takes it, five SKUs to a product."""
    drawn = random.Random(1)
    columns = (
        "sku", "name", "category", "sale_price", "cost_price", "market_price", "product", "brand",
        "unit", "specs", "attributes", "description", "images", "weight_grams", "barcode", "pools",
    )  # fmt: skip
    with file.open("w", newline="", encoding="utf-8-sig") as stream:
        rows = csv.writer(stream)
        rows.writerow(columns)
        for index in indexes:
            family = index // 5
            price = Decimal(2000 + drawn.randrange(30000)) / 100
            rows.writerow(
                [
                    size.code(index),
                    f"测试商品{family} 第{index % 5 + 1}款 保温杯",
                    f"leaf-{family % LEAVES}",
                    price,
                    round(price * Decimal("0.6"), 2),
                    round(price * Decimal("1.3"), 2),
                    f"P{family:06}",
                    f"品牌{family % BRANDS}",
                    "件",
                    f"颜色={'红黄蓝绿黑'[index % 5]};容量=500ml",
                    "材质=不锈钢;产地=浙江",
                    DESCRIPTION,
                    " ".join(f"https://img.example.com/{index}/{n}.jpg" for n in range(3)),
                    350,
                    f"69{index:011}",
                    " ".join([EVERYTHING, *size.pools_of(index)]),
                ]
            )


@transactional
def make_stock() -> None:
    """Every SKU in both of two warehouses."""
    north = Warehouse.objects.create(code="north", name="North", region_id="110101", priority=10)
    south = Warehouse.objects.create(code="south", name="South", region_id="440106", priority=5)
    for warehouse, region in ((north, "110000"), (south, "440000")):
        warehouse.serves.set(Region.objects.filter(code__in=["110000", region]))
    Stock.objects.bulk_create(
        (
            Stock(warehouse=warehouse, sku_id=sku_id, on_hand=PLENTY)
            for sku_id in Sku.objects.order_by("pk").values_list("pk", flat=True)
            for warehouse in (north, south)
        ),
        batch_size=BATCH,
    )
    add_template(
        code="bench",
        name="bench",
        rules=[RuleDraft(first_amount=Decimal("8.00"), step_size=500, step_amount=Decimal("2.00"))],
    )


@transactional
def make_merchants(size: Range) -> list[str]:
    """The keys of merchants; the first one sees everything, the others a pool each by turns."""
    now = clock.now()
    pools = dict(Pool.objects.values_list("code", "pk"))
    keys: list[str] = []
    receivers: dict[int, list[int]] = {pk: [] for pk in pools.values()}
    for index in range(size.merchants + 1):
        partner = add_partner(
            code=f"bench-{index}",
            name=f"Bench {index}",
            opening_balance=Decimal("900000000.00"),
            actor="bench",
            now=now,
        )
        _key, text = add_key(partner=partner, scopes=Scope.values, actor="bench")
        keys.append(text)
        pool = EVERYTHING if index == 0 else f"pool-{index % size.pools}"
        receivers[pools[pool]].append(partner.pk)
    Wallet.objects.update(max_open_orders=1_000_000_000)
    add_assignments(partners=receivers, now=now)
    return keys


_numbers = count(1)


def mixed_requests(size: Range, keys: Sequence[str]) -> Iterator[tuple[str, str, str, bytes]]:
    """What merchants ask for all day, without end: method, target, key, body.

    Half are prices of 20 SKUs, a quarter stock checks of 20 in a district, a quarter orders of
    one SKU.
    """
    drawn = random.Random(2)
    for number in _numbers:
        merchant = drawn.randrange(1, len(keys))
        shown = [
            size.code(index)
            for index in drawn.sample(range(size.skus), 20 * size.pools)
            if f"pool-{merchant % size.pools}" in size.pools_of(index)
        ][:20]
        key = keys[merchant]
        if number % 4 in {0, 2}:
            yield "GET", f"/api/v1/catalog/prices?sku={','.join(shown)}", key, b""
            continue
        items = ",".join(f'{{"sku":"{code}","quantity":1}}' for code in shown)
        if number % 4 == 1:
            body = f'{{"region":"{CONSIGNEE.region}","items":[{items}]}}'
            yield "POST", "/api/v1/catalog/stock-checks", key, body.encode()
            continue
        consignee = (
            f'{{"name":"{CONSIGNEE.name}","phone":"{CONSIGNEE.phone}",'
            f'"region":"{CONSIGNEE.region}","address":"{CONSIGNEE.address}"}}'
        )
        body = (
            f'{{"merchant_order_no":"B{number}","consignee":{consignee},'
            f'"items":[{{"sku":"{shown[0]}","quantity":1}}]}}'
        )
        yield "POST", "/api/v1/orders", key, body.encode()
