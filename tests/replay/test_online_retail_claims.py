"""The cancellations of three days of a real wholesaler, claimed over the API.

An invoice that begins with C takes back what the customer bought before. Here it becomes a claim
on the customer's earlier order of these goods: before shipment when it comes on the day of the
order, for a return when it comes later, since a day's orders leave in the evening. Most of them
take back what was bought before the file begins; these the platform has to refuse.

Only the customers who cancel anything are played, with all of their orders. Sums are computed from
the file.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import QuerySet, Sum

from accounts.models import LedgerEntry, Wallet
from accounts.services.books import verify_books
from aftersales.models import Claim, ClaimLine
from aftersales.services.deciding import approve_claim
from aftersales.services.inspecting import InspectedLine, inspect_return
from aftersales.services.receiving import receive_return
from catalog.models import PoolAssignment, Sku, Stock, StockMovement
from openplatform.core import clock
from openplatform.messaging.models import Message
from openplatform.messaging.services.sequencing import sequence_outbox
from orders.models import FreightTemplate, Order, OrderLine, Suborder
from orders.services.receipt import receive_order
from tests.aftersales.acts import OPERATOR, make_reasons, set_return_addresses
from tests.cast import Merchant, World, make_merchant
from tests.imports.files import Desk
from tests.orders.acts import ship
from tests.replay.test_online_retail import (
    CANCELLATION,
    GOODS,
    NO_CUSTOMER,
    SOURCE,
    File,
    Invoice,
    agree_prices,
    order_of,
    read_source,
    stock_the_shop,
)

pytestmark = pytest.mark.skipif(
    not SOURCE.exists(), reason=f"../shared/data/{SOURCE.name} is missing"
)


@dataclass
class Cancellation:
    """What one invoice takes back: by SKU, units and their price in the file."""

    number: str
    customer: str
    day: str
    quantities: Counter[str] = field(default_factory=Counter)
    amounts: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    rows: list[tuple[str, int]] = field(default_factory=list)


@dataclass
class Part:
    """The goods of a cancellation that one earlier invoice sold, or that none did."""

    cancellation: Cancellation
    sold_by: Invoice | None
    skus: list[str]
    day_of_sale: str = ""

    @property
    def number(self) -> str:
        """The merchant's number for the claim."""
        return f"{self.cancellation.number}-{self.sold_by.number if self.sold_by else 'none'}"


@dataclass
class Stream:
    """The file in its own order, without the customers who cancel nothing."""

    events: list[Invoice | Cancellation]
    days: dict[str, str]  # of invoices, by number
    orders: File  # what these customers buy

    def parts(self) -> list[Part]:
        """Every cancellation, divided by the earlier sale that it takes back from."""
        earlier: list[Invoice] = []
        found = []
        for event in self.events:
            if isinstance(event, Invoice):
                earlier.append(event)
            else:
                found += list(_divide(event, earlier, self.days))
        return found


def read_stream(others: Collection[str] = ()) -> Stream:
    """The stream; ``others`` are customers to be kept although they cancel nothing."""
    invoices = {invoice.number: invoice for invoice in read_source().invoices}
    cancellations: dict[str, Cancellation] = {}
    numbers: dict[str, str] = {}  # in the order of the file, with their days
    with SOURCE.open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream):
            number, sku = row["InvoiceNo"], row["StockCode"]
            day = row["InvoiceDate"].partition(" ")[0]
            numbers.setdefault(number, day)
            if number.startswith(CANCELLATION) and GOODS.fullmatch(sku):
                one = cancellations.setdefault(
                    number, Cancellation(number, row["CustomerID"] or NO_CUSTOMER, day)
                )
                units = -int(row["Quantity"])
                one.quantities[sku] += units
                one.amounts[sku] += units * Decimal(row["UnitPrice"])
                one.rows.append((sku, units))
    customers = {one.customer for one in cancellations.values()} | set(others)
    events: list[Invoice | Cancellation] = []
    for number in numbers:
        invoice = invoices.get(number)
        if invoice is not None and invoice.customer in customers:
            events.append(invoice)
        elif number in cancellations:
            events.append(cancellations[number])
    kept = [event for event in events if isinstance(event, Invoice)]
    sold = {sku: price for invoice in kept for sku, price in invoice.prices.items()}
    orders = File(kept, dict.fromkeys(sold, "goods"), sold)
    return Stream(events, numbers, orders)


def _divide(
    cancellation: Cancellation, earlier: list[Invoice], days: dict[str, str]
) -> Iterator[Part]:
    parts: dict[str, Part] = {}
    for sku in cancellation.quantities:
        sold_by = next(
            (
                invoice
                for invoice in reversed(earlier)
                if invoice.customer == cancellation.customer and sku in invoice.quantities
            ),
            None,
        )
        key = sold_by.number if sold_by else ""
        day = days[key] if key else ""
        parts.setdefault(key, Part(cancellation, sold_by, [], day)).skus.append(sku)
    yield from parts.values()


class Replay:
    """Plays the stream and keeps what came of it."""

    def __init__(self, stream: Stream, merchants: dict[str, Merchant]) -> None:
        self.stream = stream
        self.merchants = merchants
        self.staff = User.objects.create_user("operator")
        self.order_nos: dict[str, str] = {}  # of suborders, by invoice
        self.claimed: dict[str, Part] = {}  # by claim number
        self.refused: list[tuple[Part, str, int, str]] = []  # whose order, status, code
        self.sku_ids = dict(Sku.objects.values_list("code", "id"))

    def run(self) -> None:
        day = ""
        parts = defaultdict(list)
        for part in self.stream.parts():
            parts[part.cancellation.number].append(part)
        for event in self.stream.events:
            today = self.stream.days[event.number]
            if today != day:
                self.close_the_day()
                day = today
            if isinstance(event, Invoice):
                self.buy(event)
            else:
                for part in parts[event.number]:
                    self.take_back(part)

    def close_the_day(self) -> None:
        """What can be shipped is, and is received at once."""
        for number, code in self.leaving().values_list("order_no", "order__partner__code"):
            ship(number, waybill_no=f"SF-{number}")
            receive_order(
                partner_id=self.merchants[code].partner.pk,
                order_no=number,
                actor=code,
                now=clock.now(),
            )

    def leaving(self) -> QuerySet[Suborder]:
        """What a day's end finds ready to be shipped."""
        return Suborder.objects.filter(status="awaiting_shipment")

    def buy(self, invoice: Invoice) -> None:
        merchant = self.merchants[invoice.customer]
        agree_prices(merchant.partner.pk, invoice.prices, self.sku_ids)
        placed = merchant.api.post("/orders", order_of(invoice))
        assert placed.status_code == 201, placed.content
        paid = merchant.api.post(f"/orders/{placed.json()['order_no']}/confirm")
        assert paid.status_code == 200, paid.content
        [part] = paid.json()["suborders"]
        self.order_nos[invoice.number] = part["order_no"]

    def take_back(self, part: Part) -> None:
        merchant = self.merchants[part.cancellation.customer]
        body = self.claim_of(part)
        if part.sold_by is not None:
            # Another price now: what is refunded is what was paid.
            dearer = {sku: part.sold_by.prices[sku] + 1 for sku in part.skus}
            agree_prices(merchant.partner.pk, dearer, self.sku_ids)
        if len(part.cancellation.rows) > len(part.cancellation.quantities):
            self.try_repeated_lines(part, body)
        answer = merchant.api.post("/aftersales", body)
        if part.sold_by is None:
            named = self.whose_order(body["order_no"], merchant)
            self.refused.append((part, named, answer.status_code, answer.json()["code"]))
            return
        assert answer.status_code == 201, answer.content
        number = answer.json()["aftersale_no"]
        self.claimed[number] = part
        approve_claim(
            aftersale_no=number,
            lines=None,
            freight_amount=None,
            note="",
            by=OPERATOR,
            user=self.staff,
            now=clock.now(),
        )
        if body["type"] == "return_refund":
            self.bring_back(number, merchant)
        again = merchant.api.post("/aftersales", body)
        assert (again.status_code, again.json()["status"]) == (200, "refunded")
        assert again.headers["Idempotent-Replayed"] == "true"

    def claim_of(self, part: Part) -> dict[str, Any]:
        cancellation = part.cancellation
        body = {
            "merchant_aftersale_no": part.number,
            "type": "refund",
            "reason": "unwanted",
            "description": f"Invoice {cancellation.number} of {cancellation.day}",
        }
        if part.sold_by is None:
            return {**body, **self.what_nobody_sold(part)}
        order_no = self.order_nos[part.sold_by.number]
        options = self.merchants[cancellation.customer].api.get(
            f"/orders/{order_no}/aftersale-options"
        )
        lines = {line["sku"]: line for line in options.json()["lines"]}
        for sku in part.skus:
            assert lines[sku]["claimable_quantity"] == part.sold_by.quantities[sku]
            amount = part.sold_by.quantities[sku] * part.sold_by.prices[sku]
            assert lines[sku]["refundable_amount"] == f"{amount:.2f}"
        if part.day_of_sale != cancellation.day:
            body |= {"type": "return_refund"}
        items = [
            {"line_no": lines[sku]["line_no"], "quantity": cancellation.quantities[sku]}
            for sku in part.skus
        ]
        return {**body, "order_no": order_no, "items": items}

    def what_nobody_sold(self, part: Part) -> dict[str, Any]:
        """The nearest that a merchant could name: its own last order, with lines that are not
        there; else another merchant's that has the goods; else none that there is.
        """
        customer = part.cancellation.customer
        mine = [
            invoice
            for invoice in self.stream.orders.invoices
            if invoice.number in self.order_nos and invoice.customer == customer
        ]
        others = [
            invoice
            for invoice in self.stream.orders.invoices
            if invoice.number in self.order_nos and set(part.skus) & set(invoice.quantities)
        ]
        named = (mine or others)[-1:]
        items = [
            {"line_no": str(1000 + index), "quantity": part.cancellation.quantities[sku]}
            for index, sku in enumerate(part.skus)
        ]
        if named and named[0].customer != customer:
            items = [{"line_no": "1", "quantity": 1}]
        order_no = self.order_nos[named[0].number] if named else part.cancellation.number
        return {"order_no": order_no, "items": items}

    def whose_order(self, order_no: str, merchant: Merchant) -> str:
        part = Suborder.objects.select_related("order").filter(order_no=order_no).first()
        if part is None:
            return "nobody's"
        return "own" if part.order.partner_id == merchant.partner.pk else "another's"

    def try_repeated_lines(self, part: Part, body: dict[str, Any]) -> None:
        """As the file has it: the same goods in two rows of one invoice."""
        line_no = body["items"][0]["line_no"]
        merchant = self.merchants[part.cancellation.customer]
        twice = [{"line_no": line_no, "quantity": units} for _sku, units in part.cancellation.rows]
        answer = merchant.api.post("/aftersales", {**body, "items": twice})
        assert (answer.status_code, answer.json()["code"]) == (422, "field_invalid")
        assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/items/1/line_no"]

    def bring_back(self, number: str, merchant: Merchant) -> None:
        sent = merchant.api.post(
            f"/aftersales/{number}/return-shipment", {"carrier": "sf", "waybill_no": f"R-{number}"}
        )
        assert (sent.status_code, sent.json()["status"]) == (200, "return_shipped")
        items = {int(item["line_no"]): item["quantity"] for item in sent.json()["items"]}
        receive_return(
            aftersale_no=number, quantities=items, by=OPERATOR, now=clock.now(),
            expected_version=None,
        )  # fmt: skip
        inspect_return(
            aftersale_no=number,
            lines={
                line_no: InspectedLine(
                    accepted=units, restocked=units, result=ClaimLine.Inspection.AS_EXPECTED
                )
                for line_no, units in items.items()
            },
            note="",
            picture_ids=[],
            freight_amount=Decimal(0),
            by=OPERATOR,
            now=clock.now(),
            expected_version=None,
        )


@pytest.mark.django_db(transaction=True)  # commits, as in life
def test_refunds_agree_with_the_file_when_its_cancellations_were_claimed(
    world: World, tmp_path: Path
) -> None:
    stream = read_stream()
    FreightTemplate.objects.all().delete()  # the file knows no freight
    make_reasons()
    set_return_addresses()
    stock_the_shop(Desk(tmp_path), stream.orders)
    totals = stream.orders.totals_by_customer()
    customers = {event.customer for event in stream.events}
    merchants = {
        customer: make_merchant(customer, balance=f"{totals.get(customer, Decimal(1)):.2f}")
        for customer in customers
    }
    PoolAssignment.objects.bulk_create(
        PoolAssignment(pool=world.pool, partner=merchant.partner) for merchant in merchants.values()
    )
    replay = Replay(stream, merchants)

    replay.run()

    assert_file_was_read_whole(stream)
    assert_claims_are_the_cancellations(replay)
    assert_others_were_refused(replay)
    assert_money_is_back(replay, totals)
    assert_goods_are_back(replay)
    assert_messages_tell_of_every_claim(replay)
    assert verify_books().differences == []


def assert_file_was_read_whole(stream: Stream) -> None:
    """So that the sums below are sums of something."""
    orders, parts = stream.orders, stream.parts()
    cancellations = [event for event in stream.events if isinstance(event, Cancellation)]
    assert (len(cancellations), sum(len(one.rows) for one in cancellations)) == (35, 83)
    assert len({event.customer for event in stream.events}) == 33
    assert (len(orders.invoices), len(orders.names)) == (16, 251)
    assert sum(invoice.total_amount for invoice in orders.invoices) == Decimal("6843.15")
    assert sum(_amount(part) for part in parts if part.sold_by) == Decimal("136.10")
    assert sum(_amount(part) for part in parts if not part.sold_by) == Decimal("3025.98")


def _amount(part: Part) -> Decimal:
    """What the file gives back for it."""
    return sum((part.cancellation.amounts[sku] for sku in part.skus), Decimal(0))


def assert_claims_are_the_cancellations(replay: Replay) -> None:
    kept = {
        claim.aftersale_no: (
            claim.merchant_aftersale_no, claim.type, claim.status, claim.goods_refund_amount,
            claim.freight_refund_amount, claim.refund_amount,
        )
        for claim in Claim.objects.all()
    }  # fmt: skip
    assert kept == {
        number: (
            part.number,
            "refund" if part.day_of_sale == part.cancellation.day else "return_refund",
            "refunded",
            _amount(part),
            Decimal(0),
            _amount(part),
        )
        for number, part in replay.claimed.items()
    }
    assert Counter(type for _number, type, *_rest in kept.values()) == {
        "refund": 1,
        "return_refund": 5,
    }
    expected = {
        (replay.order_nos[part.sold_by.number], sku): (
            part.cancellation.quantities[sku],
            part.cancellation.amounts[sku],
        )
        for part in replay.claimed.values()
        if part.sold_by
        for sku in part.skus
    }
    lines = OrderLine.objects.filter(refunded_quantity__gt=0).select_related("suborder")
    assert {
        (line.suborder.order_no, line.sku_code): (line.refunded_quantity, line.refunded_amount)
        for line in lines
    } == expected
    assert not OrderLine.objects.exclude(claimed_quantity=0, stopped_quantity=0).exists()


def assert_others_were_refused(replay: Replay) -> None:
    answers = Counter(tuple(answer) for _part, *answer in replay.refused)
    assert answers == {
        ("own", 422, "field_invalid"): 5,
        ("another's", 404, "not_found"): 6,
        ("nobody's", 404, "not_found"): 19,
    }
    assert sum(_amount(part) for part, *_answer in replay.refused) == Decimal("3025.98")
    refused = {part.number for part, *_answer in replay.refused}
    assert not Claim.objects.filter(merchant_aftersale_no__in=refused).exists()


def assert_money_is_back(replay: Replay, totals: dict[str, Decimal]) -> None:
    back: dict[str, Decimal] = defaultdict(Decimal)
    for part in replay.claimed.values():
        back[part.cancellation.customer] += _amount(part)
    balances = dict(Wallet.objects.values_list("partner__code", "balance"))
    assert balances == {
        code: back[code] if code in totals else Decimal(1) for code in replay.merchants
    }
    entries = LedgerEntry.objects.filter(kind="refund").values_list(
        "document", "document_no", "aftersale_no", "suborder_no", "amount"
    )
    assert set(entries) == {
        ("aftersale", number, number, replay.order_nos[part.sold_by.number], _amount(part))
        for number, part in replay.claimed.items()
        if part.sold_by
    }
    assert Order.objects.aggregate(Sum("refunded_amount")) == {
        "refunded_amount__sum": Decimal("136.10")
    }
    assert Order.objects.filter(refunded_amount__gt=0).count() == len(replay.claimed) == 6


def assert_goods_are_back(replay: Replay) -> None:
    """The shelves held what the invoices asked for; what is there now was taken back."""
    back: Counter[str] = Counter()
    units: Counter[str] = Counter()
    for part in replay.claimed.values():
        cause = "restocked" if part.day_of_sale == part.cancellation.day else "returned"
        for sku in part.skus:
            back[sku] += part.cancellation.quantities[sku]
            units[cause] += part.cancellation.quantities[sku]
    rows = Stock.objects.filter(on_hand__gt=0).values_list("sku__code", "on_hand")
    assert dict(rows) == back
    moved = StockMovement.objects.filter(cause__in=["restocked", "returned", "returned_off"])
    assert dict(moved.values_list("cause").annotate(Sum("on_hand_change"))) == units


def assert_messages_tell_of_every_claim(replay: Replay) -> None:
    while sequence_outbox():
        pass
    told: dict[str, list[str]] = defaultdict(list)
    for message in Message.objects.filter(type__startswith="aftersale.").order_by("sequence"):
        told[message.data["aftersale"]["aftersale_no"]].append(message.data["aftersale"]["status"])
    on_the_way = ["awaiting_return", "return_shipped", "return_received"]
    assert told == {
        number: [
            "submitted",
            "approved",
            *([] if part.day_of_sale == part.cancellation.day else on_the_way),
            "refunded",
        ]
        for number, part in replay.claimed.items()
    }
    completed = Message.objects.filter(type="aftersale.completed").order_by("sequence")
    assert {
        message.data["aftersale"]["aftersale_no"]: message.data["aftersale"]["refund_amount"]
        for message in completed
    } == {number: f"{_amount(part):.2f}" for number, part in replay.claimed.items()}
