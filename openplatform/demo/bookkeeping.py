"""What the platform told and booked over the day, held against what happened in it."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

from openplatform.demo.excerpts import message_shown, pick
from openplatform.demo.narration import Json, Narrator

BATCH = 100


class Bookkeeping:
    """Messages, ledger and top-ups of the day."""

    def __init__(self, narrator: Narrator) -> None:
        self.narrator = narrator

    def check_messages(self, order: Json, claims: Sequence[Json], head: int) -> list[Json]:
        """Everything that the feed has behind ``head``: without gaps, and nothing missing."""
        self.narrator.begin("messages")
        after, told, fed = head, [], []
        told_of: dict[str, list[str]] = defaultdict(list)
        while True:
            answer = self.narrator.call(
                "GET",
                f"/messages?after={after}&limit={BATCH}",
                show=lambda body: [message_shown(message) for message in body["results"]],
            )
            for message in answer["results"]:
                self.narrator.expect(
                    message["sequence"] == after + 1,
                    "message_gap",
                    after=after,
                    sequence=message["sequence"],
                )
                after = message["sequence"]
                fed.append(message)
                if message["data"].get("order", {}).get("order_no") == order["order_no"]:
                    told.append(message["type"])
                elif "aftersale" in message["data"]:
                    claim = message["data"]["aftersale"]
                    states = told_of[claim["aftersale_no"]]
                    if claim["status"] not in states[-1:]:  # a parcel's news change no state
                        states.append(claim["status"])
            if after >= answer["head"]:
                break
            self.narrator.expect(
                bool(answer["results"]), "message_gap", after=after, sequence=answer["head"]
            )
        parcels = sum(len(part["shipments"]) for part in order["suborders"])
        for expected in ("order.created", "order.split", "order.status_changed"):
            self.narrator.expect(expected in told, "message_missing", expected=expected, types=told)
        self.narrator.expect(
            told.count("shipment.created") == parcels,
            "message_missing",
            expected=f"shipment.created × {parcels}",
            types=told,
        )
        for claim in claims:
            expected_states = [event["to"] for event in claim["history"]]
            states = told_of[claim["aftersale_no"]]
            self.narrator.expect(
                states == expected_states,
                "claim_messages",
                number=claim["aftersale_no"],
                expected=expected_states,
                states=states,
            )
        return fed

    def check_ledger(self, order: Json, claims: Sequence[Json]) -> None:
        """One payment for the order, and a refund for each of its claims."""
        self.narrator.begin("ledger")
        answer = self.narrator.call(
            "GET",
            f"/account/entries?order_no={order['order_no']}",
            show=lambda body: [
                pick("entry_no", "kind", "amount", "balance_after", "aftersale_no")(entry)
                for entry in body["results"]
            ],
        )
        booked = [
            (entry["kind"], entry["amount"], entry["aftersale_no"] or "")
            for entry in answer["results"]
        ]
        expected = [
            ("order_payment", f"-{order['total_amount']}", ""),
            *(("refund", claim["refund_amount"], claim["aftersale_no"]) for claim in claims),
        ]
        self.narrator.expect(
            booked == expected,
            "ledger",
            number=order["order_no"],
            expected=expected,
            entries=booked,
        )

    def report_top_up(self) -> None:
        """A transfer is reported twice, and waits once."""
        self.narrator.begin("top_up")
        before = self.narrator.call(
            "GET", "/account", show=pick("balance", "daily_spend", "runway_days")
        )
        body = {"amount": "1000.00", "reference": new_number(), "paid_at": _moment()}
        show = pick("top_up_no", "status", "amount", "approved_amount")
        top_up = self.narrator.call("POST", "/account/top-ups", body, status=201, show=show)
        number = top_up["top_up_no"]
        again = self.narrator.call("POST", "/account/top-ups", body, show=show)
        self.narrator.expect(again["top_up_no"] == number, "top_up_twice", number=number)
        after = self.narrator.call("GET", "/account", show=pick("balance"))
        self.narrator.expect(
            top_up["status"] == "pending" and after["balance"] == before["balance"],
            "top_up_unseen",
            number=number,
        )


def new_number() -> str:
    """A number of the merchant's own that nobody used before."""
    return f"DAY-{secrets.token_hex(6).upper()}"


def _moment() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
