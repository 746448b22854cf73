"""Claims at full size: a hundred thousand of them, races, and everything killed meanwhile."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import LedgerEntry
from accounts.services.books import verify_books
from aftersales.models import Claim
from aftersales.services.deciding import approve_claim, reject_claim
from catalog.errors import PreviewOutdated
from catalog.models import Stock
from openplatform.core import clock
from openplatform.core.errors import DomainError
from orders.models import OrderLine
from tests.aftersales.acts import OPERATOR, claim_body, make_reasons, paid_part
from tests.bench.history import add_history
from tests.cast import CONSIGNEE, Merchant, World, make_merchant
from tests.orders.acts import ship
from tests.orders.test_races import assert_books_agree, at_once, race_shop  # noqa: F401
from tests.prove.claim_history import add_claims
from tests.prove.merchants import Shopper
from tests.prove.platform import ROOT, VICTIMS, Platform
from tests.prove.test_million_orders import best

pytestmark = pytest.mark.prove

CLAIMS = 100_000
QUEUE_SECONDS = 1.0
YEAR_SECONDS = 3.0  # the figures of half of the claims
PAGE_SECONDS = 0.25  # a page of fifty over the API
ROUNDS = 200
SHOPPERS = 6
SECONDS = 60
SECONDS_BETWEEN_KILLS = 4.0
RULE_AMOUNT = Decimal("20.00")  # up to it, a rule approves without the operator


# A hundred thousand


@pytest.fixture
def many(transactional_db: None) -> Merchant:
    """Ten merchants with claims of two years; this one filed a third of them."""
    world, merchant = World(), make_merchant("acme", balance="900000000.00")
    world.open_pool_to(merchant)
    for number in range(20):
        world.make_sku(f"SKU-{number}", price="10.00", north=1000)
    others = [make_merchant(f"m{n}", balance="900000000.00") for n in range(9)]
    ids = [merchant.partner.pk, *(other.partner.pk for other in others)]
    make_reasons()
    add_history(orders=CLAIMS * 11 // 10, partner_ids=ids)
    add_claims(CLAIMS)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("SET statement_timeout = '5s'")
    return merchant


@pytest.mark.django_db(transaction=True)
def test_queue_and_lists_open_at_once_among_a_hundred_thousand_claims(many: Merchant) -> None:
    assert Claim.objects.count() == CLAIMS
    assert Claim.objects.filter(ended_at=None).count() == CLAIMS * 3 // 100
    _check_queue()
    _check_lists(many)
    assert verify_books().differences == []


def _check_queue() -> None:
    User.objects.create_user("boss", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(User.objects.get())
    url = reverse("admin:aftersales_claim_changelist")
    claim = Claim.objects.select_related("order", "suborder").filter(status="return_shipped")[0]
    parcel = claim.parcels.get()
    asked: list[dict[str, str]] = [
        {},
        *({"queue": name} for name in (
            "decide", "second_person", "answer", "return", "receive", "inspect", "open"
        )),
        {"queue": "decide", "deadline": "over"},
        {"deadline": "over"},
        {"deadline": "day"},
        {"age": "3"},
        {"queue": "open", "age": "3"},
        {"queue": "decide", "partner__id__exact": str(claim.partner_id)},
        {"queue": "decide", "suborder__warehouse__id__exact": str(claim.suborder.warehouse_id)},
        {"queue": "decide", "refund_amount_from": "5", "refund_amount_to": "50"},
        {"type__exact": "return_refund"},
        {"status__exact": "refunded"},
        *({"q": text} for text in (
            claim.aftersale_no, claim.merchant_aftersale_no, parcel.waybill_no,
            claim.order.order_no, claim.suborder.order_no, claim.order.merchant_order_no,
            claim.order.consignee_phone, "A0", "R-", "nothing of the kind",
        )),
    ]  # fmt: skip
    slow = {}
    for parameters in asked:
        seconds = best(lambda parameters=parameters: _open(client, url, parameters))  # type: ignore[misc]
        if seconds > QUEUE_SECONDS:
            slow[str(parameters)] = seconds
    page = reverse("admin:aftersales_claim_change", args=(claim.pk,))
    figures = reverse("admin:aftersales_claim_figures")
    for name, address in {
        "page": page,
        "dashboard": reverse("admin:index"),
        "figures": figures,
    }.items():
        if (seconds := best(lambda address=address: _open(client, address, {}))) > QUEUE_SECONDS:  # type: ignore[misc]
            slow[name] = seconds
    assert slow == {}
    today = clock.now().date()
    year = {"first": str(today - timedelta(days=364)), "last": str(today)}
    assert best(lambda: _open(client, figures, year)) < YEAR_SECONDS


def _open(client: Client, url: str, parameters: dict[str, str]) -> None:
    assert client.get(url, parameters).status_code == 200


def _check_lists(merchant: Merchant) -> None:
    newest = Claim.objects.filter(partner=merchant.partner).order_by("-pk")[0]
    middle = Claim.objects.get(aftersale_no=f"A{CLAIMS // 2:09d}")
    slow = {}
    for parameters in (
        {},
        {"status": "submitted"},
        {"status": "refunded"},
        {"status": "expired"},
        {"merchant_aftersale_no": newest.merchant_aftersale_no},
        {"order_no": newest.suborder.order_no},
        {"created_after": middle.created_at.isoformat()},
        {"created_before": middle.created_at.isoformat()},
        {"updated_after": middle.updated_at.isoformat()},
        {"updated_after": middle.updated_at.isoformat(), "status": "rejected"},
    ):
        seconds = best(lambda parameters=parameters: _list(merchant, parameters))  # type: ignore[misc]
        if seconds > PAGE_SECONDS:
            slow[str(parameters)] = seconds
    assert slow == {}


def _list(merchant: Merchant, parameters: dict[str, str]) -> None:
    # Not through `api.get`, which would hold the answer against the OpenAPI document in this time.
    api = merchant.api
    response = api.client.get("/api/v1/aftersales", parameters, headers=api.headers)
    assert response.status_code == 200, response.content


# Races


@pytest.mark.django_db(transaction=True)
def test_one_outcome_in_every_round_of_two_approvals_rejection_cancel_and_shipping(
    race_shop: tuple[World, Merchant],  # noqa: F811
) -> None:
    world, merchant = race_shop
    world.make_sku("A", price="0.10", north=ROUNDS)
    make_reasons()
    staff = User.objects.create_user("operator")
    dice = random.Random(7)

    outcomes: Counter[str] = Counter()
    for number in range(ROUNDS):
        part_no = paid_part(merchant, f"M-{number}", [("A", 1)])
        filed = merchant.api.post(
            "/aftersales", claim_body(part_no, merchant_aftersale_no=f"R-{number}")
        )
        assert filed.status_code == 201, filed.content
        claim_no = filed.json()["aftersale_no"]
        calls = [
            *[lambda no=claim_no: _tried(lambda: _approve(no, staff))] * 2,
            lambda no=claim_no: _tried(lambda: _reject(no)),
            lambda no=claim_no: merchant.api.post(f"/aftersales/{no}/cancel").status_code,
            lambda no=part_no: _tried(lambda: ship(no, waybill_no=f"SF-{no}")),
        ]
        dice.shuffle(calls)
        at_once(calls, threads=5)
        outcomes[_outcome(claim_no, part_no)] += 1

    assert set(outcomes) <= {
        "refunded closed 0 1", "rejected awaiting_shipment 0 0", "cancelled awaiting_shipment 0 0",
        "rejected shipped 1 0", "cancelled shipped 1 0",
    }  # fmt: skip
    assert {outcome.split()[0] for outcome in outcomes} == {"refunded", "rejected", "cancelled"}
    refunded = Claim.objects.filter(status="refunded").count()
    shipped = OrderLine.objects.filter(shipped_quantity=1).count()
    row = Stock.objects.get()
    assert (row.on_hand, row.reserved, row.outgoing) == (refunded, 0, ROUNDS - refunded - shipped)
    assert_books_agree(merchant)
    assert verify_books().differences == []


def _approve(aftersale_no: str, staff: User) -> None:
    approve_claim(
        aftersale_no=aftersale_no, lines=None, freight_amount=None, note="", by=OPERATOR,
        user=staff, now=clock.now(),
    )  # fmt: skip


def _reject(aftersale_no: str) -> None:
    reject_claim(aftersale_no=aftersale_no, note="No", by=OPERATOR, now=clock.now())


def _tried(act: Callable[[], Any]) -> str:
    """Its refusal, or nothing."""
    try:
        act()
    except (DomainError, PreviewOutdated) as refusal:
        return type(refusal).__name__
    return ""


def _outcome(aftersale_no: str, part_no: str) -> str:
    """How claim and suborder ended, units shipped, refunds booked."""
    claim = Claim.objects.select_related("suborder").get(aftersale_no=aftersale_no)
    line = OrderLine.objects.get(suborder__order_no=part_no)
    assert (line.claimed_quantity, line.stopped_quantity) == (0, 0)
    entries = LedgerEntry.objects.filter(aftersale_no=aftersale_no, amount=claim.refund_amount)
    booked = LedgerEntry.objects.filter(suborder_no=part_no, kind="refund").count()
    assert entries.count() == booked
    return f"{claim.status} {claim.suborder.status} {line.shipped_quantity} {booked}"


@pytest.mark.django_db(transaction=True)
def test_thousand_claims_on_three_hundred_units_give_three_hundred(
    race_shop: tuple[World, Merchant],  # noqa: F811
) -> None:
    world, merchant = race_shop
    world.make_sku("A", price="0.10", north=300)
    make_reasons()
    part_no = paid_part(merchant, "M-1", [("A", 300)])

    responses = at_once(
        [
            lambda number=number: merchant.api.post(  # type: ignore[misc]
                "/aftersales", claim_body(part_no, merchant_aftersale_no=f"R-{number}")
            )
            for number in range(1000)
        ],
        threads=16,
    )

    told = Counter(
        response.json()["code"] if response.status_code >= 400 else "201" for response in responses
    )
    assert told == {"201": 300, "quantity_exceeds_claimable": 700}
    line = OrderLine.objects.get()
    assert (line.claimed_quantity, line.stopped_quantity) == (300, 300)
    assert Claim.objects.count() == 300
    assert verify_books().differences == []


# Faults


@dataclass
class ClaimStory:
    """What a merchant was told about one of its claims."""

    merchant_aftersale_no: str
    filing: str = ""  # "201" or the code of the refusal
    aftersale_no: str = ""
    cancelling: str = ""  # "200" or the code of the refusal, where it was tried


@dataclass
class Claimant(Shopper):
    """Buys, and claims some of it back at once; never gives up either."""

    claims: list[ClaimStory] = field(default_factory=list)

    def _order(self, dice: random.Random, count: int) -> None:
        body = {
            "merchant_order_no": f"S{self.number}-{count}",
            "items": [
                {"sku": f"SKU-{sku}", "quantity": dice.randint(1, 3)}
                for sku in dice.sample(range(12), dice.randint(1, 3))
            ],
            "consignee": CONSIGNEE,
        }
        self.stories.append(None)  # type: ignore[arg-type] # counted only
        order = self._insist(dice, "/orders", body)
        if "code" in order:
            return
        self._insist(dice, f"/orders/{order['order_no']}/confirm", None)
        for part in order["suborders"]:
            if dice.random() < 0.7:
                self._claim(dice, part)

    def _claim(self, dice: random.Random, part: dict[str, Any]) -> None:
        story = ClaimStory(f"R{self.number}-{len(self.claims)}")
        self.claims.append(story)
        chosen = dice.sample(part["lines"], dice.randint(1, len(part["lines"])))
        answer = self._insist(
            dice,
            "/aftersales",
            {
                "merchant_aftersale_no": story.merchant_aftersale_no,
                "order_no": part["order_no"],
                "type": "refund",
                "items": [
                    {"line_no": line["line_no"], "quantity": dice.randint(1, line["quantity"])}
                    for line in chosen
                ],
                "reason": "late",
                "description": "",
            },
        )
        story.filing = answer.get("code", "201")
        story.aftersale_no = answer.get("aftersale_no", "")
        if story.aftersale_no and dice.random() < 0.2:
            answer = self._insist(dice, f"/aftersales/{story.aftersale_no}/cancel", None)
            story.cancelling = answer.get("code", "200")


class ClaimPlatform(Platform):
    """With operators who decide what no rule does, and are killed like everybody else."""

    victims = itertools.cycle(("operators", *VICTIMS))

    def set_up(self) -> list[str]:
        """With reasons, a rule and a login besides."""
        keys = super().set_up()
        self._run("-m", "tests.prove.operators", "--prepare", str(RULE_AMOUNT))
        return keys

    def revive(self) -> None:
        """Start whatever does not run."""
        super().revive()
        if "operators" not in self.parts or self.parts["operators"].poll() is not None:
            self.parts["operators"] = subprocess.Popen(
                [sys.executable, "-m", "tests.prove.operators"],
                cwd=ROOT,
                env=self.environment,
                stdout=self.log,
                stderr=self.log,
                start_new_session=True,
            )

    def kill_something(self, dice: random.Random) -> str:
        """One process after the other, so that a short run meets all of them."""
        victim = next(self.victims)
        self.kill(victim, dice)
        return victim


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[ClaimPlatform]:
    tmp_path.chmod(0o711)  # as root, the database runs as somebody else
    stage = ClaimPlatform(tmp_path)
    yield stage
    stage.tear_down()


def test_no_claim_is_lost_or_refunded_twice_while_everything_is_killed(
    platform: ClaimPlatform,
) -> None:
    keys = platform.set_up()
    platform.revive()
    platform.wait_until_ready()
    stopping = threading.Event()
    claimants = [
        Claimant(number, platform.url, keys[number % len(keys)], stopping)
        for number in range(SHOPPERS)
    ]
    threads = [threading.Thread(target=claimant.run) for claimant in claimants]
    dice = random.Random(20101203)
    for thread in threads:
        thread.start()

    killed = set()
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        time.sleep(SECONDS_BETWEEN_KILLS * dice.uniform(0.5, 1.5))
        killed.add(platform.kill_something(dice))
        time.sleep(0.3)
        platform.revive()
    platform.wait_until_ready()
    stopping.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    _wait_until_none(platform, "SELECT count(*) FROM messaging_outbox")
    _wait_until_none(platform, "SELECT count(*) FROM aftersales_claim WHERE status = 'submitted'")
    _wait_until_none(platform, "SELECT count(*) FROM messaging_outbox")

    assert killed == {"operators", *VICTIMS}
    assert sum(claimant.server_faults for claimant in claimants) == 0
    stories = [story for claimant in claimants for story in claimant.claims]
    _assert_claims_are_what_was_told(platform, stories)
    _assert_refunds_happened_once(platform)
    _assert_units_add_up(platform)
    _assert_messages_tell_every_state(platform)
    books = platform.verify_books()
    assert (books["ok"], books["wallets"]) == (True, len(keys))


def _wait_until_none(platform: Platform, statement: str) -> None:
    deadline = time.monotonic() + 60
    while platform.query(statement) != [(0,)]:
        assert time.monotonic() < deadline, statement
        time.sleep(0.2)


def _assert_claims_are_what_was_told(platform: Platform, stories: list[ClaimStory]) -> None:
    kept = {
        number: (aftersale_no, status)
        for number, aftersale_no, status in platform.query(
            "SELECT merchant_aftersale_no, aftersale_no, status FROM aftersales_claim"
        )
    }
    told = {
        story.merchant_aftersale_no: story.aftersale_no
        for story in stories
        if story.filing == "201"
    }
    assert {number: aftersale_no for number, (aftersale_no, _) in kept.items()} == told
    assert len(told) > 30  # most of the time something is down
    assert {story.filing for story in stories} == {"201"}
    assert {story.cancelling for story in stories} <= {"", "200", "aftersale_state_conflict"}
    for story in stories:
        status = kept[story.merchant_aftersale_no][1]
        assert (status == "cancelled") == (story.cancelling == "200"), story
        assert status in ("cancelled", "refunded", "rejected")
    assert {status for _no, status in kept.values()} == {"cancelled", "refunded", "rejected"}


def _assert_refunds_happened_once(platform: Platform) -> None:
    claims = platform.query("""
        SELECT aftersale_no, refund_amount FROM aftersales_claim WHERE status = 'refunded'
        ORDER BY 1
    """)
    entries = platform.query("""
        SELECT aftersale_no, amount FROM accounts_ledgerentry WHERE kind = 'refund' ORDER BY 1
    """)
    assert claims == entries
    by_rule = platform.query("SELECT count(*), max(amount) FROM aftersales_ruleapproval")
    assert 0 < by_rule[0][0] < len(claims)
    assert by_rule[0][1] <= RULE_AMOUNT


def _assert_units_add_up(platform: Platform) -> None:
    """No unit is claimed any more; what was refunded is for sale again, the rest still leaves."""
    assert (
        platform.query("""
        SELECT line.id FROM orders_orderline line
        LEFT JOIN (
            SELECT line_id, sum(approved_quantity) AS units, sum(content.refund_amount) AS amount
            FROM aftersales_claimline content JOIN aftersales_claim claim ON claim.id = claim_id
            WHERE claim.status = 'refunded' GROUP BY line_id
        ) refunded ON refunded.line_id = line.id
        WHERE claimed_quantity <> 0 OR stopped_quantity <> 0
            OR refunded_quantity <> coalesce(refunded.units, 0)
            OR closed_quantity <> refunded_quantity
            OR refunded_amount <> coalesce(refunded.amount, 0)
    """)
        == []
    )
    assert (
        platform.query("""
        SELECT stock.id FROM catalog_stock stock
        JOIN catalog_sku sku ON sku.id = stock.sku_id
        LEFT JOIN orders_suborder part ON part.warehouse_id = stock.warehouse_id
        LEFT JOIN orders_orderline line ON line.suborder_id = part.id AND line.sku_id = sku.id
        GROUP BY stock.id, sku.code
        HAVING stock.outgoing <> coalesce(
                sum(line.quantity - line.closed_quantity) FILTER (
                    WHERE part.status <> 'pending_payment'), 0)
            OR stock.reserved <> coalesce(
                sum(line.quantity) FILTER (WHERE part.status = 'pending_payment'), 0)
            OR stock.on_hand + stock.outgoing
                <> CASE WHEN sku.code = 'SKU-0' THEN 20 ELSE 400 END
    """)
        == []
    )


def _assert_messages_tell_every_state(platform: Platform) -> None:
    assert (
        platform.query("""
        SELECT partner_id FROM messaging_message GROUP BY partner_id
        HAVING count(*) <> max(sequence) OR min(sequence) <> 1
    """)
        == []
    )
    told = dict(
        platform.query("""
        SELECT data->'aftersale'->>'aftersale_no',
            array_agg(data->'aftersale'->>'status' ORDER BY sequence)
        FROM messaging_message WHERE type LIKE 'aftersale.%' GROUP BY 1
    """)
    )
    happened = dict(
        platform.query("""
        SELECT aftersale_no, array_agg(to_status::text ORDER BY event.id)
        FROM aftersales_claimevent event JOIN aftersales_claim claim ON claim.id = claim_id
        GROUP BY 1
    """)
    )
    assert told == happened
