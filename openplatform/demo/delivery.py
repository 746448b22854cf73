"""What becomes of an order of the walkthrough once it is paid: shipped in parts, tracked, received,
and its money told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from openplatform.demo.excerpts import (
    message_shown,
    order_shown,
    pick,
    timeline_shown,
    tracking_shown,
)
from openplatform.demo.narration import Json, Narrator

SHIPPING_TIMEOUT = 120.0  # seconds
TRACKING_TIMEOUT = 120.0  # seconds
POLL = 1.0  # seconds
LEFT_TO_SHIP = ("paid", "awaiting_shipment", "partly_shipped")


@dataclass(frozen=True)
class Parcel:
    """A parcel for the operator to send. ``lines`` is written as its import takes it
    (``1:3 2:1``); empty is all that is left of the suborder.
    """

    suborder_no: str
    carrier: str
    lines: str = ""


Ship = Callable[[Sequence[Parcel]], None]


class Delivery:
    """The part of the day after payment.

    :param ship: see :class:`openplatform.demo.merchant_day.MerchantDay`.
    """

    def __init__(self, narrator: Narrator, *, ship: Ship | None) -> None:
        self.narrator = narrator
        self.ship = ship

    def follow_shipping(self, order: Json, head: int) -> Json:
        """First one parcel of a suborder, then all the rest; the order as it is then."""
        number = order["order_no"]
        if self.ship is not None:
            self.narrator.begin("shipping")
            carriers = self.narrator.call("GET", "/carriers", show=lambda body: body["results"][:3])
            codes = [carrier["code"] for carrier in carriers["results"]]
            self.narrator.expect(bool(codes), "no_carrier")
            self.ship([_first_parcel(order, codes[0])])
            self.narrator.begin("partly_shipped")
            head = self._await_shipment(order, head, lambda told: told["status"] != "paid")
            now = self.narrator.call("GET", f"/orders/{number}", show=order_shown)
            expect_status(self.narrator, now, "partly_shipped")
            rest = [part["order_no"] for part in now["suborders"] if part["status"] in LEFT_TO_SHIP]
            self.ship([Parcel(part, codes[i % len(codes)]) for i, part in enumerate(rest)])
        self.narrator.begin("shipped")
        self._await_shipment(order, head, lambda told: told["status"] not in LEFT_TO_SHIP)
        self.narrator.call("GET", f"/orders/{number}/shipments", show=lambda body: body["results"])
        now = self.narrator.call("GET", f"/orders/{number}", show=order_shown)
        expect_status(self.narrator, now, "shipped", "delivered")
        return now

    def _await_shipment(self, order: Json, after: int, is_enough: Callable[[Json], bool]) -> int:
        """The sequence up to which messages were read, once one tells of enough parcels."""
        deadline = time.monotonic() + SHIPPING_TIMEOUT
        while True:
            if time.monotonic() > deadline:
                raise self.narrator.failure(
                    "not_shipped", number=order["order_no"], seconds=int(SHIPPING_TIMEOUT)
                )
            answer = self.narrator.call(
                "GET",
                f"/messages?after={after}&type=shipment.created",
                show=lambda body: [message_shown(message) for message in body["results"]],
                quiet_when_empty=True,
            )
            after = int(answer["next_after"])
            told = [message["data"]["order"] for message in answer["results"]]
            if any(one["order_no"] == order["order_no"] and is_enough(one) for one in told):
                return after
            time.sleep(POLL)

    def track(self, order: Json) -> None:
        """Follow each parcel, to its arrival where the day's own operator sent it."""
        self.narrator.begin("tracking")
        waybills = [
            (parcel["waybill_no"], parcel["carrier"]["code"])
            for part in order["suborders"]
            for parcel in part["shipments"]
        ]
        deadline = time.monotonic() + TRACKING_TIMEOUT
        for waybill_no, carrier in waybills:
            self._follow_parcel(waybill_no, carrier, deadline)

    def track_parcel(self, waybill_no: str, carrier: str) -> None:
        """Follow one parcel likewise, such as one that goes back."""
        self._follow_parcel(waybill_no, carrier, time.monotonic() + TRACKING_TIMEOUT)

    def _follow_parcel(self, waybill_no: str, carrier: str, deadline: float) -> None:
        seen = self._await_arrival(waybill_no, carrier, deadline)
        at = [datetime.fromisoformat(event["at"]) for event in seen["events"]]
        self.narrator.expect(at == sorted(at), "events", number=waybill_no)

    def _await_arrival(self, waybill_no: str, carrier: str, deadline: float) -> Json:
        shown: tuple[str, int] | None = None

        def news(body: Json) -> Json | None:
            return None if (body["status"], len(body["events"])) == shown else tracking_shown(body)

        while True:
            seen = self.narrator.call(
                "GET",
                f"/shipments/{waybill_no}/tracking?carrier={carrier}",
                show=news,
                quiet_when_empty=True,
            )
            if self.ship is None or seen["status"] == "delivered":
                return seen
            if time.monotonic() > deadline:
                raise self.narrator.failure(
                    "not_delivered", number=waybill_no, seconds=int(TRACKING_TIMEOUT)
                )
            shown = (seen["status"], len(seen["events"]))
            time.sleep(POLL)

    def receive(self, order: Json) -> None:
        """Report receipt of one suborder, then of the others."""
        self.narrator.begin("receipt")
        number, part = order["order_no"], order["suborders"][0]["order_no"]
        received = self.narrator.call(
            "POST",
            f"/orders/{part}/receive",
            show=pick("order_no", "status", "shipped_at", "delivered_at", "completed_at"),
        )
        expect_status(self.narrator, received, "completed")
        whole = self.narrator.call("POST", f"/orders/{number}/receive", show=order_shown)
        expect_status(self.narrator, whole, "completed")

    def check_timeline(self, order: Json, claims: Sequence[Json]) -> None:
        """Hold the money of the order against what it costs, and what its claims gave back."""
        self.narrator.begin("timeline")
        number = order["order_no"]
        total = Decimal(order["total_amount"]) - total_of(claims, "refund_amount")
        timeline = self.narrator.call("GET", f"/orders/{number}/timeline", show=timeline_shown)
        kinds = [entry["kind"] for entry in timeline["entries"]]
        expected = ["held", "paid", *["refunded" for _claim in claims]]
        self.narrator.expect(
            kinds == expected, "timeline", number=number, expected=expected, kinds=kinds
        )
        sums = [total_of(entry["shares"], "amount") for entry in timeline["entries"]]
        self.narrator.expect(
            Decimal(timeline["net_amount"]) == total_of(timeline["lines"], "net_amount") == total
            and sums == [Decimal(entry["amount"]) for entry in timeline["entries"]],
            "timeline_sums",
            number=number,
        )


def expect_status(narrator: Narrator, order: Json, *expected: str) -> None:
    """:raises WalkthroughFailed: when the order is in none of these states."""
    narrator.expect(
        order["status"] in expected,
        "order_status",
        number=order["order_no"],
        expected=expected[0],
        status=order["status"],
    )


def total_of(rows: Sequence[Json], name: str) -> Decimal:
    """The sum of an amount over rows."""
    return sum((Decimal(row[name]) for row in rows), Decimal(0))


def units_left(part: Json) -> int:
    """What a suborder that was not shipped yet still has to ship."""
    return sum(_left_of(line) for line in part["lines"])


def _left_of(line: Json) -> int:
    return int(line["quantity"]) - int(line["shipped_quantity"]) - int(line["refunded_quantity"])


def _first_parcel(order: Json, carrier: str) -> Parcel:
    """One unit of the suborder that has the most, so that something of it is left to ship."""
    fullest = max(order["suborders"], key=units_left)
    line = next(line for line in fullest["lines"] if _left_of(line))
    return Parcel(fullest["order_no"], carrier, f"{line['line_no']}:1")
