"""People who change the catalogue at random, through the services."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from django.db import transaction

from catalog.models import (
    Brand,
    Category,
    Pool,
    PoolRule,
    PriceChange,
    Product,
    PurchasePrice,
    ShelfChange,
    Sku,
)
from catalog.price_plans import How, PriceEdit, Rule
from catalog.selectors.pools import RuleDraft
from catalog.services.base_prices import (
    BasePrices,
    apply_due_prices,
    change_prices,
    set_prices,
    withdraw_price_changes,
)
from catalog.services.categories import CategoryDraft, save_categories
from catalog.services.counts import StockChange, apply_counts
from catalog.services.curating import change_rules, preview_rules
from catalog.services.goods import add_product, add_sku, edit_brand, edit_product, edit_sku
from catalog.services.images import ImageDraft, set_images
from catalog.services.pool_rules import apply_pool_rules
from catalog.services.price_moves import move_prices
from catalog.services.pricing import (
    PriceDraft,
    edit_agreement,
    make_agreement,
    withdraw_agreement,
)
from catalog.services.selection import replace_selection
from catalog.services.shelf import (
    apply_due_shelf_changes,
    schedule_shelf_change,
    set_shelf_state,
    withdraw_shelf_changes,
)
from catalog.services.stock_telling import tell_stock
from openplatform.core import clock
from openplatform.core.errors import DomainError
from openplatform.messaging.services.sequencing import sequence_outbox
from tests.cast import Merchant, World
from tests.catalog.pools import assign_partners, curate_pool
from tests.imports.files import Desk

ACTOR = "test"
LOOPS: tuple[Callable[[], int], ...] = (
    apply_due_prices, apply_due_shelf_changes, move_prices, apply_pool_rules, tell_stock,
    sequence_outbox,
)  # fmt: skip
CATEGORIES = {"pans": "home", "lids": "pans", "knives": "home", "garden": None, "pots": "garden"}
POOLS = ("pool", "second", "ruled")


class RandomDays:
    """Every act is drawn from the seed; a refusal is an act, too."""

    def __init__(self, world: World, merchants: list[Merchant], desk: Desk, seed: int) -> None:
        self.world = world
        self.merchants = merchants
        self.desk = desk
        self.chance = Random(seed)
        self.acts: list[Callable[[], Any]] = [
            *[self.curate] * 4, *[self.edit_a_product] * 3, *[self.edit_a_sku] * 4,
            *[self.move_prices_now] * 3, *[self.schedule_prices] * 2, self.withdraw_prices,
            *[self.agree] * 4, *[self.edit_agreement] * 2, *[self.withdraw_agreement] * 2,
            *[self.shelve] * 2, self.schedule_shelf, self.withdraw_shelf, *[self.count] * 5,
            *[self.picture] * 2, self.rule, self.open, self.move_category, self.rename_brand,
            self.select, self.import_products, self.import_stock,
        ]  # fmt: skip
        self.refused = 0

    def furnish(self, products: int) -> None:
        """Categories, brands, pools, and products of three SKUs each."""
        with transaction.atomic():
            drafts = [CategoryDraft(code, code.title(), up) for code, up in CATEGORIES.items()]
            save_categories(drafts=drafts, now=clock.now())
            for code in POOLS[1:]:
                Pool.objects.create(code=code, name=code)
            brands = [Brand.objects.create(name=f"Brand {letter}") for letter in "ABC"]
            categories = list(Category.objects.order_by("code"))
            for number in range(products):
                product = Product(
                    code=f"P{number}",
                    name=f"Product {number}",
                    category=self.chance.choice(categories),
                    brand=self.chance.choice([*brands, None]),
                )
                add_product(product=product)
                for variant in range(3):
                    sku = Sku(
                        code=f"S{number:02}-{variant}",
                        product=product,
                        name=f"SKU {number} {variant}",
                        market_price=Decimal("30.00"),
                        sale_price=Decimal(self.chance.randint(10, 29)),
                    )
                    add_sku(sku=sku, actor=ACTOR, now=clock.now())
        for _ in range(products):
            self.curate()
            self.count()
        for code in POOLS[:2]:
            codes = [merchant.partner.code for merchant in self.merchants]
            assign_partners(pool_code=code, partner_codes=codes, actor=ACTOR, now=clock.now())

    def act(self) -> str:
        """One act; its name."""
        act = self.chance.choice(self.acts)
        try:
            act()
        except DomainError:
            self.refused += 1
        return act.__name__

    def work(self) -> None:
        """What the worker does, until there is nothing left to do."""
        while sum(loop() for loop in LOOPS):
            pass

    # Drawing

    def some(self, most: int = 4) -> list[Sku]:
        skus = list(Sku.objects.order_by("code"))
        return self.chance.sample(skus, self.chance.randint(1, most))

    def soon(self) -> datetime:
        """In some milliseconds, or in some days."""
        milliseconds = self.chance.choice([5, 30, 60, 86_400_000, 172_800_000])
        return clock.now() + timedelta(milliseconds=milliseconds)

    def amount(self, low: int = 5, high: int = 29) -> Decimal:
        return Decimal(self.chance.randint(low * 100, high * 100)) / 100

    def one(self, model: Any) -> Any:
        return self.chance.choice(list(model.objects.order_by("pk")))

    # Pools

    def curate(self) -> None:
        parts: dict[str, list[str]] = {}
        for name in ("add", "add", "add", "remove", "exclude", "readmit"):
            if self.chance.random() < 0.4:
                parts[name] = [sku.code for sku in self.some(5)]
        curate_pool(pool_code=self.chance.choice(POOLS), actor=ACTOR, now=clock.now(), **parts)

    def rule(self) -> None:
        pool = Pool.objects.get(code="ruled")
        low = self.amount(5, 15)
        add = self.chance.choice([
            [RuleDraft(category_id=self.one(Category).pk)],
            [RuleDraft(brand_id=self.one(Brand).pk)],
            [RuleDraft(min_price=low, max_price=low + 5)],
            [],
        ])  # fmt: skip
        present = list(PoolRule.objects.filter(pool=pool).values_list("pk", flat=True))
        asked: dict[str, Any] = {"add": add, "remove": present if len(present) > 1 else []}
        expected = preview_rules(pool=pool, **asked).fingerprint
        change_rules(pool_code="ruled", **asked, expected=expected, actor=ACTOR, now=clock.now())

    def open(self) -> None:
        codes = [one.partner.code for one in self.merchants if self.chance.random() < 0.7]
        pool = self.chance.choice(POOLS)
        assign_partners(pool_code=pool, partner_codes=codes, actor=ACTOR, now=clock.now())

    def select(self) -> None:
        """The first merchant wants all messages, the others those of their selection."""
        merchant = self.chance.choice(self.merchants)
        replace_selection(
            partner_id=merchant.partner.pk,
            codes=[sku.code for sku in self.some()],
            only_these_messages=merchant is not self.merchants[0],
            replay=None,
        )

    # Goods

    def edit_a_product(self) -> None:
        fields: dict[str, Any] = self.chance.choice([
            {"category_id": self.one(Category).pk},
            {"brand_id": self.chance.choice([None, self.one(Brand).pk])},
            {"unit": self.chance.choice(["件", "盒", ""])},
            {"description": f"<p>{self.chance.random()}</p><script>x</script>"},
            {"category_id": self.one(Category).pk, "brand_id": self.one(Brand).pk, "unit": "套"},
        ])  # fmt: skip
        with transaction.atomic():
            edit_product(product_id=self.one(Product).pk, fields=fields, now=clock.now())

    def edit_a_sku(self) -> None:
        fields: dict[str, Any] = self.chance.choice([
            {"name": f"名 {self.chance.random()}"},
            {"specs": {"color": self.chance.choice(["red", "blue"])}},
            {"weight_grams": self.chance.randint(0, 900), "barcode": str(self.chance.random())[2:]},
            {"min_quantity": self.chance.randint(1, 12)},
            {"tax_rate": self.chance.choice([Decimal("0.13"), Decimal("0.09")])},
            {"product_id": self.one(Product).pk},
        ])  # fmt: skip
        with transaction.atomic():
            edit_sku(sku_id=self.one(Sku).pk, fields=fields, now=clock.now())

    def move_category(self) -> None:
        node = self.one(Category)
        parent = self.chance.choice([None, self.one(Category).code])
        with transaction.atomic():
            save_categories(
                drafts=[CategoryDraft(node.code, f"{node.code} {self.chance.random()}", parent)],
                now=clock.now(),
            )

    def rename_brand(self) -> None:
        with transaction.atomic():
            name = f"Brand {self.chance.random()}"
            edit_brand(brand_id=self.one(Brand).pk, name=name, now=clock.now())

    def picture(self) -> None:
        numbers = self.chance.sample(range(5), self.chance.randint(0, 3))
        drafts = [ImageDraft(url=f"https://a.example/{number}.jpg") for number in numbers]
        with transaction.atomic():
            set_images(sku_id=self.one(Sku).pk, drafts=drafts, actor=ACTOR, now=clock.now())

    # Prices

    def prices(self) -> dict[int, BasePrices]:
        return {
            sku.pk: BasePrices(
                self.amount(25, 40), self.amount(), Decimal("4.00"),
                self.chance.choice([None, self.amount(5, 9)]),
            )
            for sku in self.some(6)
        }  # fmt: skip

    def move_prices_now(self) -> None:
        with transaction.atomic():
            set_prices(prices=self.prices(), actor=ACTOR, now=clock.now())

    def schedule_prices(self) -> None:
        edit = PriceEdit(
            market_price=Rule(How.SET, self.amount(25, 40)),
            sale_price=Rule(How.SET, self.amount()),
            floor_price=self.chance.choice([Rule(How.CLEAR), Rule(How.SET, self.amount(5, 9))]),
        )
        change_prices(
            sku_ids=[sku.pk for sku in self.some(6)],
            edit=edit,
            effective_at=self.soon(),
            reason="",
            actor=ACTOR,
            now=clock.now(),
        )

    def withdraw_prices(self) -> None:
        to_come = PriceChange.objects.filter(applied_at=None).order_by("pk")
        ids = list(to_come.values_list("pk", flat=True)[:3])
        withdraw_price_changes(change_ids=ids, actor=ACTOR, now=clock.now())

    def draft(
        self, partner_id: int, target: dict[str, Any], begun_at: datetime | None = None
    ) -> PriceDraft:
        starts_at = self.chance.choice([None, begun_at, self.soon()])
        ends_at = self.chance.choice([None, None, self.soon()])
        percent = Decimal(self.chance.randint(1, 50))
        is_fixed = "sku_id" in target and self.chance.random() < 0.5
        return PriceDraft(
            partner_id=partner_id,
            sku_id=target.get("sku_id"),
            category_id=target.get("category_id"),
            brand_id=target.get("brand_id"),
            fixed_price=self.amount() if is_fixed else None,
            discount_percent=None if is_fixed else percent,
            starts_at=starts_at,
            ends_at=ends_at,
        )

    def agree(self) -> None:
        target = self.chance.choice([
            {"sku_id": self.one(Sku).pk},
            {"sku_id": self.one(Sku).pk},
            {"category_id": self.one(Category).pk},
            {"brand_id": self.one(Brand).pk},
            {},
        ])  # fmt: skip
        partner_id = self.chance.choice(self.merchants).partner.pk
        make_agreement(draft=self.draft(partner_id, target), actor=ACTOR, now=clock.now())

    def an_agreement(self) -> PurchasePrice | None:
        present = list(PurchasePrice.objects.filter(superseded_at=None).order_by("pk"))
        return self.chance.choice(present) if present else None

    def edit_agreement(self) -> None:
        if present := self.an_agreement():
            names = ("sku_id", "category_id", "brand_id")
            target = {name: getattr(present, name) for name in names if getattr(present, name)}
            edit_agreement(
                agreement_id=present.pk,
                draft=self.draft(present.partner_id, target, present.starts_at),
                actor=ACTOR,
                now=clock.now(),
            )

    def withdraw_agreement(self) -> None:
        if present := self.an_agreement():
            withdraw_agreement(agreement_id=present.pk, actor=ACTOR, now=clock.now())

    # Shelf and stock

    def shelve(self) -> None:
        codes = [sku.code for sku in self.some()]
        state = self.chance.choice(list(Sku.ShelfState))
        set_shelf_state(sku_codes=codes, state=state, actor=ACTOR, now=clock.now())

    def schedule_shelf(self) -> None:
        schedule_shelf_change(
            sku_ids=[sku.pk for sku in self.some()],
            state=self.chance.choice(list(Sku.ShelfState)),
            effective_at=self.soon(),
            actor=ACTOR,
        )

    def withdraw_shelf(self) -> None:
        ids = list(ShelfChange.objects.filter(applied_at=None).values_list("pk", flat=True)[:2])
        withdraw_shelf_changes(change_ids=ids, actor=ACTOR)

    def count(self) -> None:
        warehouse = self.chance.choice([self.world.north, self.world.south])
        changes = [
            StockChange(
                warehouse_id=warehouse.pk,
                sku_id=sku.pk,
                on_hand=self.chance.choice([0, 0, 3, 8, 20]),
                safety_quantity=self.chance.choice([None, 0, 2]),
            )
            for sku in self.some()
        ]
        with transaction.atomic():
            apply_counts(changes=changes, document_no="", actor=ACTOR)

    # Files

    def import_products(self) -> None:
        rows = [
            {
                "sku": self.chance.choice([sku.code, f"NEW-{self.chance.randrange(5)}"]),
                "name": f"文件 {self.chance.random()}",
                "category": self.one(Category).code,
                "sale_price": str(self.amount()),
                "brand": self.one(Brand).name,
                "shelf_state": self.chance.choice(["on_shelf", "off_shelf"]),
                "pools": self.chance.choice(["", "pool", "second"]),
            }
            for sku in self.some(3)
        ]
        unique = {row["sku"]: row for row in rows}
        self.desk.load("products", *unique.values(), accept_warnings=True)

    def import_stock(self) -> None:
        rows = [
            {"warehouse": "north", "sku": sku.code, "on_hand": self.chance.choice(["0", "9"])}
            for sku in self.some(3)
        ]
        self.desk.load("stock", *rows, accept_warnings=True)
