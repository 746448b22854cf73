"""A merchant's day, played over the partner API with only a key.

It is a program of the other side: it knows the published contract and nothing of our code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from openplatform.demo.bookkeeping import Bookkeeping, new_number
from openplatform.demo.claiming import Claiming, Review
from openplatform.demo.delivery import Delivery, Ship, expect_status, total_of
from openplatform.demo.excerpts import first, order_shown, pick, quote_shown
from openplatform.demo.invoicing import Invoicing, Issue
from openplatform.demo.narration import Json, Narrator
from openplatform.demo.pushing import PushedMessages
from openplatform.demo.reconciling import Reconciling

SHANGHAI, GUANGDONG, BEIJING = "310000", "440000", "110000"
STREET = "建国路示例街 8 号"
ADDRESS = f"北京朝阳区{STREET}"
SURE = 0.8  # from this confidence on, a program may take the first candidate
NOBODY_DELIVERS_TO = "650102"  # 新疆 乌鲁木齐 天山区
UNKNOWN_SKU = "NO-SUCH-SKU"
BATCH = 100
AMOUNTS = ("goods_amount", "freight_amount", "total_amount")


@dataclass(frozen=True)
class Offer:
    """A SKU as this merchant may buy it: the smallest order, its price, and its range."""

    sku: str
    quantity: int
    minimum: int
    price: str
    range: str

    @property
    def amount(self) -> Decimal:
        """What the smallest order costs."""
        return self.quantity * Decimal(self.price)


class MerchantDay:
    """Plays the day.

    :param ship: ships as the operator does, to carriers whose parcels arrive within a minute; None
        when somebody else ships, and the day does not wait for any arrival.
    :param review: decides claims as operators do, receives and inspects what came back; None when
        somebody else does.
    :param issue: has invoices issued as finance does; None when somebody else does.
    :param receive_at: a port of this machine that the platform may send webhooks to; None leaves
        them out of the day.
    """

    def __init__(
        self,
        narrator: Narrator,
        *,
        ship: Ship | None = None,
        review: Review | None = None,
        issue: Issue | None = None,
        receive_at: int | None = None,
    ) -> None:
        self.narrator = narrator
        self.ship = ship
        self.review = review
        self.issue = issue
        self.receive_at = receive_at

    def run(self) -> Json:
        """The paid, invoiced, shipped, received and booked order, one unit of it refunded before it
        was shipped and one sent back.

        :raises WalkthroughFailed: at the first thing that is not as it should be.
        """
        if self.receive_at is None:
            return self._play(None)
        with PushedMessages(self.narrator, port=self.receive_at) as pushed:
            return self._play(pushed)

    def _play(self, pushed: PushedMessages | None) -> Json:
        head = self._look_at_account()
        if pushed is not None:
            pushed.register()
        offers = self._read_offers(self._read_pool())
        basket = self._find_split_basket(offers)
        consignee = {
            "name": "李示例",
            "phone": "13800000000",
            "region": self._find_region(ADDRESS),
            "address": STREET,
        }
        self._be_refused(offers, basket, consignee)
        quote = self._ask_quote(basket, consignee)
        order = self._place(basket, consignee, quote)
        order = self._confirm(order)
        claiming = Claiming(self.narrator, review=self.review)
        order = claiming.refund_before_shipment(order, head)
        invoicing = Invoicing(self.narrator, head, issue=self.issue)
        invoice = invoicing.ask(order)
        delivery = Delivery(self.narrator, ship=self.ship)
        order = delivery.follow_shipping(order, head)
        delivery.track(order)
        delivery.receive(order)
        claiming.send_back(order, delivery, head)
        invoicing.await_credit(invoice, total_of(claiming.claims[-1:], "refund_amount"))
        delivery.check_timeline(order, claiming.claims)
        Reconciling(self.narrator).run(head)
        invoicing.read_bills()
        books = Bookkeeping(self.narrator)
        fed = books.check_messages(order, claiming.claims, head)
        if pushed is not None:
            pushed.check(fed)
        books.check_ledger(order, claiming.claims)
        books.report_top_up()
        self.narrator.begin("done")
        return self.narrator.call(
            "GET", f"/orders/{order['order_no']}", show=pick("order_no", "status", "total_amount")
        )

    # The day ------------------------------------------------------------------------------------

    def _look_at_account(self) -> int:
        self.narrator.begin("account")
        self.narrator.call("GET", "/key", show=pick("prefix", "scopes"))
        self.narrator.call(
            "GET",
            "/account",
            show=pick("partner", "currency", "balance", "held_amount", "available"),
        )
        feed = self.narrator.call("GET", "/messages?limit=1", show=pick("head"))
        return int(feed["head"])

    def _read_pool(self) -> list[str]:
        self.narrator.begin("pool")
        page = self.narrator.call(
            "GET",
            f"/catalog/skus?shelf_state=on_shelf&limit={BATCH}",
            show=lambda body: {
                "skus": [row["sku"] for row in body["results"][:5]],
                "count": len(body["results"]),
                "has_next": body["next"] is not None,
            },
        )
        codes = [row["sku"] for row in page["results"]]
        self.narrator.expect(bool(codes), "pool_empty")
        return codes

    def _read_offers(self, codes: Sequence[str]) -> list[Offer]:
        joined = ",".join(codes)
        self.narrator.begin("details")
        details = self.narrator.batch(
            f"/catalog/details?sku={joined}",
            codes,
            show=first(
                "sku", "name", "brand", "specs", "tax_rate", "min_quantity", "quantity_step"
            ),
        )
        self.narrator.begin("prices")
        prices = self.narrator.batch(
            f"/catalog/prices?sku={joined}",
            codes,
            show=first("sku", "market_price", "sale_price", "purchase_price", "floor_price"),
        )
        offers = []
        for detail, price in zip(details, prices, strict=True):
            if "error" in detail or "error" in price:
                continue  # taken out of the pool since it was listed
            self.narrator.expect(bool(price["purchase_price"]), "price_missing", sku=detail["sku"])
            step, minimum = detail["quantity_step"], detail["min_quantity"]
            offers.append(
                Offer(
                    sku=detail["sku"],
                    quantity=-(-minimum // step) * step,
                    minimum=minimum,
                    price=price["purchase_price"],
                    range=detail["category"]["path"][0]["code"],
                )
            )
        return offers

    def _find_split_basket(self, offers: Sequence[Offer]) -> list[Offer]:
        """Goods that no single warehouse has: 北京 can get them, but one part of them only where
        上海 does, the other only where 广东 does. A third and fourth kind come along.
        """
        self.narrator.begin("stock")
        north, south, here = (
            self._check_stock(offers, region) for region in (SHANGHAI, GUANGDONG, BEIJING)
        )
        cheap_first = sorted((o for o in offers if o.sku in here), key=lambda o: (o.amount, o.sku))
        only_north = [o for o in cheap_first if o.sku in north - south]
        only_south = [o for o in cheap_first if o.sku in south - north]
        self.narrator.expect(bool(only_north and only_south), "no_split_basket")
        basket = [only_north[0]]
        basket.append(_another_range(only_south, basket) or only_south[0])
        for _more in range(2):
            offer = _another_range(cheap_first, basket)
            basket += [offer] if offer else []
        return basket

    def _check_stock(self, offers: Sequence[Offer], region: str) -> set[str]:
        answer = self.narrator.call(
            "POST",
            "/catalog/stock-checks",
            {"region": region, "items": [{"sku": o.sku, "quantity": o.quantity} for o in offers]},
            show=lambda body: {
                "in_stock": sum(1 for row in body["results"] if row.get("in_stock")),
                "not_in_stock": [
                    {"sku": row["sku"], "reason": row.get("reason")}
                    for row in body["results"]
                    if not row.get("in_stock")
                ][:3],
            },
        )
        return {row["sku"] for row in answer["results"] if row.get("in_stock")}

    def _find_region(self, address: str) -> str:
        self.narrator.begin("address")
        answer = self.narrator.call(
            "POST",
            "/regions/resolve",
            {"text": address},
            show=lambda body: [
                {
                    "code": candidate["code"],
                    "path": " ".join(place["name"] for place in candidate["path"]),
                    "confidence": candidate["confidence"],
                }
                for candidate in body["results"][:3]
            ],
        )
        found = answer["results"]
        self.narrator.expect(
            bool(found) and found[0]["confidence"] >= SURE, "no_region", address=address
        )
        return str(found[0]["code"])

    def _be_refused(
        self, offers: Sequence[Offer], basket: Sequence[Offer], consignee: Json
    ) -> None:
        self.narrator.begin("refused")
        too_few = next((o for o in offers if o.minimum > 1), None)
        if too_few is None:
            raise self.narrator.failure("no_minimum")
        self._refuse(
            [{"sku": too_few.sku, "quantity": 1}, {"sku": UNKNOWN_SKU, "quantity": 1}],
            consignee,
            {"/items/0/quantity": "below_minimum", "/items/1/sku": "sku_not_available"},
        )
        one = basket[0]
        self._refuse(
            [{"sku": one.sku, "quantity": one.quantity}],
            {**consignee, "region": NOBODY_DELIVERS_TO},
            {"/items/0/sku": "region_not_served"},
        )

    def _refuse(self, items: list[Json], consignee: Json, expected: Mapping[str, str]) -> None:
        number = new_number()
        problem = self.narrator.call(
            "POST",
            "/orders",
            {"merchant_order_no": number, "items": items, "consignee": consignee},
            status=422,
            show=lambda body: {
                "code": body["code"],
                "errors": [
                    {"pointer": e["pointer"], "code": e["code"], "detail": e["detail"]}
                    for e in body["errors"]
                ],
            },
        )
        codes = {fault["code"] for fault in problem["errors"]}
        self.narrator.expect(
            set(expected.values()) <= codes,
            "faults",
            expected=sorted(expected.values()),
            codes=sorted(codes),
        )
        found = self.narrator.call(
            "GET", f"/orders?merchant_order_no={number}", show=pick("results")
        )
        self.narrator.expect(found["results"] == [], "order_exists", number=number)

    def _ask_quote(self, basket: Sequence[Offer], consignee: Json) -> Json:
        self.narrator.begin("quote")
        quote = self.narrator.call(
            "POST",
            "/orders/quotes",
            {"items": _items(basket), "consignee": consignee},
            show=quote_shown,
        )
        self.narrator.expect(
            quote["orderable"] and quote["quote_id"], "not_quoted", errors=quote["errors"]
        )
        return quote

    def _place(self, basket: Sequence[Offer], consignee: Json, quote: Json) -> Json:
        self.narrator.begin("order")
        body: Json = {
            "merchant_order_no": new_number(),
            "quote_id": quote["quote_id"],
            "items": _items(basket),
            "consignee": consignee,
        }
        headers = {"Idempotency-Key": body["merchant_order_no"]}
        order = self.narrator.call(
            "POST", "/orders", body, headers=headers, status=201, show=order_shown
        )
        number = order["order_no"]
        self.narrator.expect(
            order["is_split"] and len(order["suborders"]) > 1, "not_split", number=number
        )
        self.narrator.expect(_adds_up(order), "amounts", number=number)
        self.narrator.expect(
            _amounts_of(order) == _amounts_of(quote), "not_as_quoted", number=number
        )
        self.narrator.call("GET", "/account", show=pick("balance", "held_amount", "available"))
        self.narrator.begin("replay")
        again = self.narrator.call(
            "POST", "/orders", body, headers=headers, status=201, show=order_shown
        )
        self.narrator.expect(
            again["order_no"] == number and self.narrator.was_replayed,
            "not_replayed",
            number=number,
        )
        return order

    def _confirm(self, order: Json) -> Json:
        self.narrator.begin("confirm")
        number = order["order_no"]
        for _again in range(2):
            order = self.narrator.call("POST", f"/orders/{number}/confirm", show=order_shown)
            expect_status(self.narrator, order, "paid", "partly_shipped", "shipped", "delivered")
        self.narrator.call("GET", "/account", show=pick("balance", "held_amount", "available"))
        return order


def _another_range(offers: Sequence[Offer], basket: Sequence[Offer]) -> Offer | None:
    """The first offer whose range, or else at least SKU, is not in the basket yet."""
    ranges = {o.range for o in basket}
    rest = [o for o in offers if o not in basket]
    return next((o for o in rest if o.range not in ranges), rest[0] if rest else None)


def _items(basket: Sequence[Offer]) -> list[Json]:
    return [{"sku": o.sku, "quantity": o.quantity, "expected_price": o.price} for o in basket]


def _amounts_of(order: Json) -> list[list[str]]:
    return [[one[name] for name in AMOUNTS] for one in (order, *order["suborders"])]


def _adds_up(order: Json) -> bool:
    return all(
        total_of(order["suborders"], name) == Decimal(order[name]) for name in AMOUNTS
    ) and Decimal(order["goods_amount"]) + Decimal(order["freight_amount"]) == Decimal(
        order["total_amount"]
    )
