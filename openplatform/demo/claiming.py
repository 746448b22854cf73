"""What a merchant of the walkthrough wants back: a unit before it is shipped, and one that comes
back and is inspected.
"""

from __future__ import annotations

import secrets
import struct
import time
import zlib
from decimal import Decimal
from typing import Protocol

from openplatform.demo.delivery import Delivery, total_of, units_left
from openplatform.demo.excerpts import claim_shown, message_shown, options_shown, pick
from openplatform.demo.narration import Json, Narrator

DECISION_TIMEOUT = 120.0  # seconds until somebody decided, or received and inspected
POLL = 1.0  # seconds
REFUND, RETURN = "refund", "return_refund"
SIDE = 64  # of the picture, in pixels


class Review(Protocol):
    """What operators do about a claim."""

    def approve(self, aftersale_no: str) -> None:
        """Grant all that is claimed."""

    def take_back(self, aftersale_no: str) -> None:
        """Receive all that was sent back, and find it as expected."""


class Claiming:
    """The claims of the day.

    :param review: None when somebody else decides; then the day waits for it.
    """

    def __init__(self, narrator: Narrator, *, review: Review | None) -> None:
        self.narrator = narrator
        self.review = review
        self.claims: list[Json] = []  # as they ended

    def refund_before_shipment(self, order: Json, head: int) -> Json:
        """Claim one unit of the part that has most; the order as it is once the money is back."""
        self.narrator.begin("refund_claim")
        part = max(order["suborders"], key=units_left)
        options = self._ask_options(part["order_no"])
        line = max(
            (one for one in options["lines"] if REFUND in one["types"]),
            key=lambda one: int(one["claimable_quantity"]),
            default=None,
        )
        if line is None:
            raise self.narrator.failure("nothing_claimable", number=part["order_no"])
        claim = self._file(REFUND, line, options, pictures=[])
        self._decide(claim)
        self.narrator.begin("refunded")
        self._await_end(claim, head)
        return self.narrator.call(
            "GET",
            f"/orders/{order['order_no']}",
            show=pick("order_no", "status", "refunded_amount"),
        )

    def send_back(self, order: Json, delivery: Delivery, head: int) -> None:
        """Claim one unit of what was received, send it back, and have it refunded."""
        self.narrator.begin("return_claim")
        claimed = {claim["order_no"] for claim in self.claims}
        part = next(
            (one for one in order["suborders"] if one["order_no"] not in claimed),
            order["suborders"][0],
        )
        options = self._ask_options(part["order_no"])
        line = next((one for one in options["lines"] if RETURN in one["types"]), None)
        if line is None:
            raise self.narrator.failure("nothing_claimable", number=part["order_no"])
        picture = self.narrator.upload(
            "/aftersales/pictures", "picture.png", _picture(), show=pick("picture_id", "width")
        )
        claim = self._file(RETURN, line, options, pictures=[picture["picture_id"]])
        self._decide(claim)
        self.narrator.begin("sent_back")
        claim = self._await_status(claim, "awaiting_return")
        self.narrator.expect(
            bool(claim["return_address"]), "no_return_address", number=claim["aftersale_no"]
        )
        parcel = part["shipments"][0]
        waybill_no = f"BACK{secrets.randbelow(10**12):012d}"
        claim = self.narrator.call(
            "POST",
            f"/aftersales/{claim['aftersale_no']}/return-shipment",
            {"carrier": parcel["carrier"]["code"], "waybill_no": waybill_no},
            show=claim_shown,
        )
        self._expect_status(claim, "return_shipped")
        delivery.track_parcel(waybill_no, parcel["carrier"]["code"])
        self.narrator.begin("inspected")
        if self.review is not None:
            self.review.take_back(claim["aftersale_no"])
        self._await_end(claim, head)

    def _ask_options(self, suborder_no: str) -> Json:
        return self.narrator.call(
            "GET", f"/orders/{suborder_no}/aftersale-options", show=options_shown
        )

    def _file(self, type: str, line: Json, options: Json, *, pictures: list[str]) -> Json:
        """A claim on one unit; sent twice, since the first answer may have been lost."""
        reason = next(
            (
                one
                for one in options["reasons"]
                if type in one["types"] and one["pictures_required"] == bool(pictures)
            ),
            None,
        )
        if reason is None:
            raise self.narrator.failure("no_reason", type=type)
        body: Json = {
            "merchant_aftersale_no": f"DAY-{secrets.token_hex(6).upper()}",
            "order_no": line["order_no"],
            "type": type,
            "items": [{"line_no": line["line_no"], "quantity": 1}],
            "reason": reason["code"],
            "description": f"示例：{reason['name']}",
        }
        if pictures:
            body["pictures"] = pictures
        claim = self.narrator.call("POST", "/aftersales", body, status=201, show=claim_shown)
        number = claim["aftersale_no"]
        price = Decimal(line["refundable_amount"]) / int(line["claimable_quantity"])
        self.narrator.expect(
            Decimal(claim["goods_refund_amount"]) == price,
            "claim_amount",
            number=number,
            expected=price,
            amount=claim["goods_refund_amount"],
        )
        again = self.narrator.call("POST", "/aftersales", body, show=pick("aftersale_no", "status"))
        self.narrator.expect(
            again["aftersale_no"] == number and self.narrator.was_replayed,
            "not_replayed",
            number=number,
        )
        return claim

    def _decide(self, claim: Json) -> None:
        # A rule may have approved it when it was filed.
        if self.review is not None and claim["status"] == "submitted":
            self.review.approve(claim["aftersale_no"])

    def _await_status(self, claim: Json, status: str) -> Json:
        deadline = time.monotonic() + DECISION_TIMEOUT
        while True:
            now = self.narrator.call(
                "GET",
                f"/aftersales/{claim['aftersale_no']}",
                show=lambda body: claim_shown(body) if body["status"] != "submitted" else None,
                quiet_when_empty=True,
            )
            if now["status"] not in ("submitted", "info_requested"):
                self._expect_status(now, status)
                return now
            self._give_up_after(deadline, claim)
            time.sleep(POLL)

    def _await_end(self, claim: Json, after: int) -> None:
        """Read the feed until it tells of the refund; keep the claim as that message has it."""
        deadline = time.monotonic() + DECISION_TIMEOUT
        number = claim["aftersale_no"]
        while True:
            answer = self.narrator.call(
                "GET",
                f"/messages?after={after}&type=aftersale.completed",
                show=lambda body: [message_shown(message) for message in body["results"]],
                quiet_when_empty=True,
            )
            after = int(answer["next_after"])
            told = [message["data"]["aftersale"] for message in answer["results"]]
            if any(one["aftersale_no"] == number for one in told):
                break
            self._give_up_after(deadline, claim)
            time.sleep(POLL)
        claim = self.narrator.call("GET", f"/aftersales/{number}", show=claim_shown)
        self._expect_status(claim, "refunded")
        expected = total_of(claim["items"], "refund_amount")
        expected += Decimal(claim["freight_refund_amount"])
        self.narrator.expect(
            Decimal(claim["refund_amount"]) == expected,
            "claim_amount",
            number=number,
            expected=expected,
            amount=claim["refund_amount"],
        )
        self.claims.append(claim)

    def _give_up_after(self, deadline: float, claim: Json) -> None:
        if time.monotonic() > deadline:
            raise self.narrator.failure(
                "not_decided", number=claim["aftersale_no"], seconds=int(DECISION_TIMEOUT)
            )

    def _expect_status(self, claim: Json, status: str) -> None:
        self.narrator.expect(
            claim["status"] == status,
            "claim_status",
            number=claim["aftersale_no"],
            expected=status,
            status=claim["status"],
        )


def _picture() -> bytes:
    """A PNG of a grey square, as a camera would have sent something better."""
    row = b"\x00" + b"\x9c\x9c\x9c" * SIDE  # no filter, then the pixels
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)),
            _chunk(b"IDAT", zlib.compress(row * SIDE)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
