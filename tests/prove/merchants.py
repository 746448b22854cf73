"""Merchants who never give up: each request is sent again until it has an answer that counts."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.cast import CONSIGNEE


@dataclass
class Story:
    """What a merchant was told about one of its orders."""

    merchant_order_no: str
    items: list[dict[str, Any]]
    order_no: str | None = None
    total_amount: str | None = None
    placing: str = ""  # "201" or the code of the refusal
    ending: str = ""  # "confirmed", "cancelled", or "" when it was left alone


@dataclass
class Shopper:
    """Places orders one after the other, until told to stop, and writes down what it was told."""

    number: int
    url: str
    key: str
    stopping: threading.Event
    stories: list[Story] = field(default_factory=list)
    server_faults: int = 0

    def run(self) -> None:
        """A day of shopping."""
        dice = random.Random(self.number)
        while not self.stopping.is_set():
            self._order(dice, len(self.stories))

    def _order(self, dice: random.Random, count: int) -> None:
        skus = dice.sample(range(12), dice.randint(1, 3))
        story = Story(
            f"S{self.number}-{count}",
            [{"sku": f"SKU-{sku}", "quantity": dice.randint(1, 3)} for sku in skus],
        )
        self.stories.append(story)
        body = {
            "merchant_order_no": story.merchant_order_no,
            "items": story.items,
            "consignee": CONSIGNEE,
        }
        answer = self._insist(dice, "/orders", body)
        story.placing = answer.get("code", "201")
        if story.placing != "201":
            return
        story.order_no, story.total_amount = answer["order_no"], answer["total_amount"]
        choice = dice.random()
        if choice < 0.6:
            self._insist(dice, f"/orders/{story.order_no}/confirm", None)
            story.ending = "confirmed"
        elif choice < 0.8:
            self._insist(dice, f"/orders/{story.order_no}/cancel", None)
            story.ending = "cancelled"

    def _insist(self, dice: random.Random, path: str, body: Any) -> dict[str, Any]:
        """Ask until the answer is 2xx or a refusal; now and then hang up before it comes."""
        while True:
            # A reply that is dropped: the request is out, and we do not wait to hear of it.
            patience = 0.01 if dice.random() < 0.1 else 10
            try:
                response = requests.post(
                    f"{self.url}/api/v1{path}",
                    json=body,
                    headers={"Authorization": f"Bearer {self.key}"},
                    timeout=patience,
                )
            except requests.RequestException:
                time.sleep(0.05)
                continue
            if response.status_code >= 500:
                assert response.json()["code"] in ("temporarily_unavailable", "internal_error")
                self.server_faults += response.json()["code"] == "internal_error"
                time.sleep(0.1)
                continue
            answer: dict[str, Any] = response.json()
            return answer
