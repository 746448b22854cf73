"""The fixed cast: a merchant, a stranger (another merchant), and a small world of goods."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.db.models import Model
from django.test import Client
from django.urls import Resolver404, resolve

from accounts.models import ApiKey, CreditLimitChange, LedgerEntry, Partner, TopUp, Wallet
from accounts.services.keys import PREFIX_LENGTH, SECRET_LENGTH, create_key, digest_of
from accounts.services.partners import OPENED, OPENING_BALANCE
from catalog.models import (
    Category,
    Pool,
    PoolAssignment,
    PoolMembership,
    Product,
    Sku,
    Stock,
    Warehouse,
)
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.core.admin.edits import name_of
from openplatform.core.identifiers import dated_no, random_text
from openplatform.core.scopes import Scope
from openplatform.regions.models import Region
from orders.models import Carrier, FreightRule, FreightTemplate
from tests.rows import give_keys, insert

PREFIX = "/api/v1"
_GENERATING = threading.Lock()


def openapi_document() -> dict[str, Any]:
    """The document as generated from the code; the generator is not made for threads."""
    with _GENERATING:
        return _generate()


@functools.cache
def _generate() -> dict[str, Any]:
    from drf_spectacular.generators import SchemaGenerator

    document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return json.loads(json.dumps(document, default=str))  # type: ignore[no-any-return]


class Api:
    """A client of the partner API that holds every answer against the OpenAPI document."""

    def __init__(self, key: str | None = None) -> None:
        self.client = Client(raise_request_exception=False)
        self.headers = {} if key is None else {"Authorization": f"Bearer {key}"}

    def get(self, path: str, *, headers: Any = None, **parameters: Any) -> Any:
        """GET a path under /api/v1."""
        return self.request("GET", path, headers=headers, query=parameters)

    def post(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        """POST a JSON body."""
        return self.request("POST", path, body=body, headers=headers)

    def upload(
        self,
        path: str,
        content: bytes,
        *,
        filename: str = "file",
        headers: dict[str, str] | None = None,
        **fields: str,
    ) -> Any:
        """POST a form with a file."""
        form = {"file": SimpleUploadedFile(filename, content), **fields}
        response = self.client.post(
            f"{PREFIX}{path}", form, headers={**self.headers, **(headers or {})}
        )
        check_against_document("POST", f"{PREFIX}{path}", response)
        return response

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        headers: dict[str, str] | None = None,
        query: dict[str, Any] | None = None,
    ) -> Any:
        """Any method; the answer is Django's test response."""
        response = self.client.generic(
            method,
            f"{PREFIX}{path}",
            b"" if body is None else json.dumps(body).encode(),
            content_type="application/json",
            query_params=query,
            headers={**self.headers, **(headers or {})},
        )
        check_against_document(method, f"{PREFIX}{path}", response)
        return response


def check_against_document(method: str, path: str, response: Any) -> None:
    """Fail when an answer is not what the OpenAPI document says."""
    document = openapi_document()
    media_type = response.headers.get("Content-Type", "").partition(";")[0]
    if response.status_code >= 400:
        assert media_type == "application/problem+json", (media_type, response.content[:500])
        schema = document["components"]["schemas"]["Problem"]
        validate(response.json(), schema)
        return
    try:
        route = "/" + resolve(path.partition("?")[0]).route
    except Resolver404:
        return
    template = "/".join(
        "{" + part.rpartition(":")[2].rstrip(">") + "}" if part.startswith("<") else part
        for part in route.split("/")
    )
    responses = document["paths"][template][method.lower()]["responses"]
    assert str(response.status_code) in responses, f"{response.status_code} is not documented"
    content = responses[str(response.status_code)].get("content", {})
    if media_type == "application/json":
        validate(response.json(), content[media_type]["schema"])


def validate(value: Any, schema: dict[str, Any]) -> None:
    """Check a value against a schema of the document, allowing nothing it does not name."""
    _validator(json.dumps(schema, sort_keys=True)).validate(value)


@functools.cache
def _validator(schema: str) -> jsonschema.Draft202012Validator:
    components = {
        "schemas": {
            name: _closed(component)
            for name, component in openapi_document()["components"]["schemas"].items()
        }
    }
    return jsonschema.Draft202012Validator({**json.loads(schema), "components": components})


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("type") == "object" and "properties" in schema:
        return {"additionalProperties": False, **schema}
    return schema


@dataclass
class Merchant:
    """A partner with a key."""

    partner: Partner
    key: str
    api: Api = field(init=False)

    def __post_init__(self) -> None:
        self.api = Api(self.key)

    def api_with(self, *scopes: str) -> Api:
        """The API through another key of this merchant, with these scopes only."""
        _key, text = create_key(partner_code=self.partner.code, scopes=scopes, actor="test")
        return Api(text)


def make_merchant(code: str, *, balance: str = "10000.00", credit_limit: str = "0.00") -> Merchant:
    """A merchant with money and a key of every scope: what ``add_partner`` and ``create_key``
    leave behind.
    """
    opening, credit, now = Decimal(balance), Decimal(credit_limit), clock.now()
    partner = Partner(code=code, name=f"Merchant {code}")
    top_up = TopUp(
        top_up_no=dated_no("T", now), status=TopUp.Status.APPROVED, amount=opening,
        approved_amount=opening, reference=OPENING_BALANCE, actor="test", created_at=now,
        decided_by="test", decided_at=now,
    )  # fmt: skip
    entry = LedgerEntry(
        entry_no=1, kind=LedgerEntry.Kind.TOP_UP, amount=opening, balance_after=opening,
        document=LedgerEntry.Document.TOP_UP, document_no=top_up.top_up_no, created_at=now,
    )  # fmt: skip
    text = f"op_{random_text(8)}{random_text(SECRET_LENGTH)}"
    key = ApiKey(
        prefix=text[:PREFIX_LENGTH], digest=digest_of(text), scopes=sorted(Scope.values),
        created_by="test",
    )  # fmt: skip
    give_keys(partner, *([entry] if opening else []), key)
    wallet = Wallet(
        partner=partner, balance=opening, credit_limit=credit,
        last_entry_no=1 if opening else 0, last_entry_at=now if opening else None,
    )  # fmt: skip
    top_up.partner = entry.partner = key.partner = partner
    rows: list[Model] = [partner, wallet, key]
    if credit:
        rows.append(
            CreditLimitChange(
                partner=partner,
                limit_before=0,
                limit_after=credit,
                reason=OPENED,
                actor="test",
                created_at=now,
            )
        )
    trail = [
        _trail(
            "register_partner", partner, partner, code=code, name=partner.name, email="",
            credit_limit=f"{credit:.2f}", alert_threshold="0.00",
        )
    ]  # fmt: skip
    if opening:
        rows += [top_up, entry]
        booked = _trail("book_top_up", entry, partner, balance=f"{opening:.2f}")
        booked.before = {"balance": "0.00"}
        trail.append(booked)
    trail.append(
        _trail(
            "create_key",
            key,
            partner,
            scopes=key.scopes,
            note="",
            allowed_networks=[],
            public_key="",
            requires_signature=False,
        )
    )
    with transaction.atomic():  # not in that of the test: by their transactions rows are told apart
        insert(*rows, *trail)
    return Merchant(partner, text)


def _trail(action: str, subject: Model, partner: Partner, **after: Any) -> AuditEntry:
    return AuditEntry(
        action=action,
        subject_type=subject._meta.label_lower,
        subject_id=str(subject.pk),
        subject_label=name_of(subject),
        partner=partner,
        before={},
        after=after,
        actor="test",
    )


@pytest.fixture
def merchant(db: None) -> Merchant:
    """The one whose orders and money a test is about."""
    return make_merchant("acme")


@pytest.fixture
def stranger(db: None) -> Merchant:
    """Another merchant, who must see nothing of it."""
    return make_merchant("stranger")


REGIONS = [
    ("110000", None, 1, "北京市"),
    ("110100", "110000", 2, "北京市"),
    ("110101", "110100", 3, "东城区"),
    ("110101001", "110101", 4, "东华门街道"),
    ("310000", None, 1, "上海市"),
    ("310100", "310000", 2, "上海市"),
    ("310115", "310100", 3, "浦东新区"),
    ("440000", None, 1, "广东省"),
    ("440100", "440000", 2, "广州市"),
    ("440106", "440100", 3, "天河区"),
    ("441900", "440000", 2, "东莞市"),
    ("441900003", "441900", 4, "东城街道"),
    ("650000", None, 1, "新疆维吾尔自治区"),
    ("650100", "650000", 2, "乌鲁木齐市"),
    ("650102", "650100", 3, "天山区"),
]
BEIJING, SHANGHAI, GUANGZHOU, URUMQI = "110101", "310115", "440106", "650102"


def make_regions() -> None:
    """A corner of the address library."""
    insert(*_regions())


def _regions() -> list[Region]:
    made: dict[str, Region] = {}
    for code, parent_code, level, name in REGIONS:
        parent = made.get(parent_code or "")
        made[code] = Region(
            code=code,
            parent=parent,
            level=level,
            name=name,
            path=[*(parent.path if parent else []), code],
            path_name=f"{parent.path_name} {name}" if parent else name,
            has_children=any(row[1] == code for row in REGIONS),
        )
    return list(made.values())


class World:
    """Goods in two warehouses: ``north`` serves 北京 and 上海, ``south`` serves 北京 and 广东."""

    def __init__(self) -> None:
        self.category = Category(code="home", name="家居", level=1)
        self.north = Warehouse(code="north", name="north", region_id=SHANGHAI, priority=10)
        self.south = Warehouse(code="south", name="south", region_id=GUANGZHOU, priority=5)
        self.pool = Pool(code="pool", name="Pool")
        self.carrier = Carrier(code="sf", name="顺丰速运")
        template = FreightTemplate(code="standard", name="standard")
        give_keys(self.category, self.north, self.south, self.pool, self.carrier, template)
        self.category.path = [self.category.pk]
        insert(
            *_regions(),
            self.category,
            self.north,
            self.south,
            *(
                Warehouse.serves.through(warehouse_id=warehouse.pk, region_id=code)
                for warehouse, codes in (
                    (self.north, ("110000", "310000")),
                    (self.south, ("110000", "440000")),
                )
                for code in codes
            ),
            self.pool,
            self.carrier,
            template,
            FreightRule(
                template=template,
                first_amount=Decimal("8.00"),
                step_size=500,
                step_amount=Decimal("2.00"),
            ),
        )

    def make_warehouse(
        self, code: str, region: str, serves: Iterable[str], *, priority: int = 0
    ) -> Warehouse:
        """A warehouse that serves some regions."""
        warehouse = Warehouse.objects.create(
            code=code, name=code, region_id=region, priority=priority
        )
        warehouse.serves.add(*Region.objects.filter(code__in=serves))
        return warehouse

    def make_sku(
        self,
        code: str,
        *,
        price: str = "10.00",
        north: int | None = None,
        south: int | None = None,
        in_pool: bool = True,
        **fields: Any,
    ) -> Sku:
        """A SKU with so many units in each warehouse, visible to whoever sees the pool."""
        known = Product.objects.filter(code=f"P-{code}").first()
        product = known or Product(code=f"P-{code}", name=f"商品 {code}", category=self.category)
        sku = Sku(
            **{
                "code": code,
                "name": f"商品 {code}",
                "market_price": Decimal(price) * 2,
                "sale_price": Decimal(price),
                "weight_grams": 500,
                **fields,
            }
        )
        new: list[Model] = [sku] if known else [product, sku]
        give_keys(*new)
        if not {"product", "product_id"} & set(fields):
            sku.product = product
        insert(
            *new,
            *(
                Stock(warehouse=warehouse, sku=sku, on_hand=on_hand)
                for warehouse, on_hand in ((self.north, north), (self.south, south))
                if on_hand is not None
            ),
            *([PoolMembership(pool=self.pool, sku=sku)] if in_pool else []),
        )
        return sku

    def open_pool_to(self, *merchants: Merchant) -> None:
        """Let merchants see the pool."""
        for merchant in merchants:
            PoolAssignment.objects.create(pool=self.pool, partner=merchant.partner)


@pytest.fixture
def world(db: None) -> World:
    """Two warehouses, an empty pool."""
    return World()


@pytest.fixture
def shop(world: World, merchant: Merchant) -> World:
    """The world, with its pool open to the merchant."""
    world.open_pool_to(merchant)
    return world


CONSIGNEE = {
    "name": "张三",
    "phone": "13800138000",
    "region": BEIJING,
    "address": "东长安街 1 号",
}


def order_body(
    merchant_order_no: str = "M-1", items: Iterable[tuple[str, int]] = (("A", 1),), **fields: Any
) -> dict[str, Any]:
    """The body of POST /orders."""
    return {
        "merchant_order_no": merchant_order_no,
        "items": [{"sku": sku, "quantity": quantity} for sku, quantity in items],
        "consignee": CONSIGNEE,
        **fields,
    }
