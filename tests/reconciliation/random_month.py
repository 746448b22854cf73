"""A month of some merchants, thrown with dice: what they and the platform's people do, one act
after the other, each at a moment of its own; some on the stroke of midnight, and just before.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from accounts.models import Adjustment, TopUp, Wallet, Withdrawal
from accounts.services.adjustments import enter_adjustment
from accounts.services.terms import change_credit_limit
from accounts.services.top_ups import enter_top_up
from accounts.services.withdrawals import enter_withdrawal
from aftersales.models import Claim, ClaimLine
from aftersales.services.deciding import ApprovedLine, approve_claim, reject_claim
from aftersales.services.inspecting import InspectedLine, inspect_return
from aftersales.services.receiving import receive_return
from catalog.errors import PreviewOutdated
from openplatform.approvals.models import Approval
from openplatform.approvals.services.deciding import approve, reject
from openplatform.core import clock
from openplatform.core.clock import PLATFORM_ZONE
from openplatform.core.errors import DomainError
from orders.models import Order, OrderLine, Suborder
from orders.services.cancellation import expire_due_orders
from orders.services.closing import close_lines, close_order
from tests.accounts.money_moves import make_staff
from tests.aftersales.acts import OPERATOR, claim_body, make_reasons, set_return_addresses
from tests.aftersales.returning import Result, report
from tests.cast import CONSIGNEE, Merchant, World, make_merchant
from tests.orders.acts import let_expire, ship
from tests.orders.changing import split_off
from tests.reconciliation.past import at

SKUS = 8
TICK = timedelta(microseconds=1)
FEE = "less the bank's fee"
LEAST_BALANCE = 1500  # of a merchant at the beginning
HAS_LEFT = ("shipped", "delivered", "completed")

Act = Callable[[Merchant], None]


class RandomMonth:
    """The month, played; the same seed plays the same month.

    :param acts: how many there are to be, besides those at midnight; what is refused counts.
    """

    def __init__(self, seed: int, *, merchants: int = 3, acts: int = 120) -> None:
        self.dice = random.Random(seed)
        self.first = date(self.dice.randint(2019, 2025), self.dice.randint(1, 12), 1)
        self.last = (self.first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        self.numbers = self._count()
        self.clerk, self.decider = make_staff("clerk"), make_staff("decider")
        self.merchants = self._open_shop(merchants)
        self._play(acts)

    def days(self) -> list[date]:
        """Of the month."""
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    def _count(self) -> Iterator[str]:
        number = 0
        while True:
            number += 1
            yield f"{number:04d}"

    def _open_shop(self, merchants: int) -> list[Merchant]:
        world = World()
        for number in range(SKUS):
            price = Decimal(self.dice.randint(1, 6000)) / 100
            world.make_sku(
                f"SKU-{number}",
                price=f"{price:.2f}",
                north=300 if number % 3 else None,
                south=300 if number % 2 or not number % 3 else None,
                tax_rate=self.dice.choice(["0.13", "0.09", "0.06", "0"]),
            )
        make_reasons()
        set_return_addresses()
        made = []
        before = self._midnight(self.first - timedelta(days=3))
        for number in range(merchants):
            balance, credit = self.dice.randint(LEAST_BALANCE, 4000), number * 500
            merchant = make_merchant(
                f"m{number}", balance=f"{balance}.17", credit_limit=f"{credit}.00"
            )
            at(merchant.partner, before + number * TICK)
            made.append(merchant)
        world.open_pool_to(*made)
        return made

    def _play(self, acts: int) -> None:
        anything: list[tuple[Act, int]] = [
            (self.place, 6), (self.confirm, 6), (self.cancel, 1), (self.let_run_out, 1),
            (self.close_some, 2), (self.close_all, 1), (self.ship_one, 3), (self.split_one, 1),
            (self.claim, 3), (self.go_on_with_claim, 6), (self.top_up, 2), (self.adjust, 2),
            (self.withdraw, 1), (self.change_credit, 1),
        ]  # fmt: skip
        moves_money = [self.confirm, self.top_up, self.adjust, self.close_some, self.withdraw]
        kinds, weights = zip(*anything, strict=True)
        begin = self._midnight(self.first - timedelta(days=2))
        span = self._midnight(self.last + timedelta(days=3)) - begin
        plan: dict[datetime, tuple[Act, Merchant]] = {}
        for _act in range(acts):
            moment = begin + self.dice.randrange(int(span / TICK)) * TICK
            plan[moment] = self.dice.choices(kinds, weights)[0], self.dice.choice(self.merchants)
        # The days most likely to be cut wrongly, and every tenth other one.
        edges = {self.first, self.last + timedelta(days=1)}
        edges |= {day for day in self.days() if self.dice.random() < 0.1}
        for day in edges:
            midnight = self._midnight(day)
            for moment in (midnight - TICK, midnight, midnight + TICK):
                plan[moment] = self.dice.choice(moves_money), self.dice.choice(self.merchants)
        for moment, (act, merchant) in sorted(plan.items(), key=lambda planned: planned[0]):
            with _refusals_are_part_of_life():
                act(merchant)
            at(merchant.partner, moment)

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time.min, PLATFORM_ZONE)

    # Orders

    def place(self, merchant: Merchant) -> None:
        skus = self.dice.sample(range(SKUS), self.dice.randint(1, 4))
        body = {
            "merchant_order_no": f"M-{next(self.numbers)}",
            "items": [{"sku": f"SKU-{sku}", "quantity": self.dice.randint(1, 5)} for sku in skus],
            "consignee": CONSIGNEE,
        }
        merchant.api.post("/orders", body)
        if self.dice.random() < 0.6:
            self.confirm(merchant)

    def confirm(self, merchant: Merchant) -> None:
        if order := self._pick_order(merchant, "pending_payment"):
            merchant.api.post(f"/orders/{order.order_no}/confirm")

    def cancel(self, merchant: Merchant) -> None:
        if order := self._pick_order(merchant, "pending_payment"):
            merchant.api.post(f"/orders/{order.order_no}/cancel")

    def let_run_out(self, merchant: Merchant) -> None:
        if order := self._pick_order(merchant, "pending_payment"):
            let_expire(order.order_no)
            expire_due_orders()

    def close_some(self, merchant: Merchant) -> None:
        if part := self._pick_part(merchant, "awaiting_shipment", "partly_shipped"):
            lines = [line for line in self._lines(part) if line.left_quantity]
            if not lines:
                return
            chosen = self.dice.sample(lines, self.dice.randint(1, len(lines)))
            close_lines(
                suborder_no=part.order_no,
                quantities={
                    line.line_no: self.dice.randint(1, line.left_quantity) for line in chosen
                },
                restock=self.dice.random() < 0.5,
                refund_freight=self.dice.choice([None, None, True, False]),
                reason="not to be had",
                actor="operator",
                now=clock.now(),
            )

    def close_all(self, merchant: Merchant) -> None:
        if part := self._pick_part(merchant, "awaiting_shipment"):
            close_order(
                order_no=part.order.order_no, restock=True, refund_freight=None,
                reason="called off", actor="operator", now=clock.now(),
            )  # fmt: skip

    def ship_one(self, merchant: Merchant) -> None:
        if part := self._pick_part(merchant, "awaiting_shipment", "partly_shipped"):
            line = self.dice.choice(self._lines(part))
            is_part = self.dice.random() < 0.3 and line.left_quantity
            ship(
                part.order_no,
                {line.line_no: 1} if is_part else None,
                waybill_no=f"SF-{next(self.numbers)}",
            )

    def split_one(self, merchant: Merchant) -> None:
        if part := self._pick_part(merchant, "awaiting_shipment"):
            line = self.dice.choice(self._lines(part))
            if line.left_quantity:
                split_off(part.order_no, {line.line_no: self.dice.randint(1, line.left_quantity)})

    # Claims

    def claim(self, merchant: Merchant) -> None:
        part = self._pick_part(merchant, "awaiting_shipment", "partly_shipped", *HAS_LEFT)
        if part is None:
            return
        lines = self._lines(part)
        chosen = self.dice.sample(lines, self.dice.randint(1, len(lines)))
        number = next(self.numbers)
        merchant.api.post(
            "/aftersales",
            claim_body(
                part.order_no,
                {line.line_no: self.dice.randint(1, line.quantity) for line in chosen},
                merchant_aftersale_no=f"R-{number}",
                type="return_refund" if part.status in HAS_LEFT else "refund",
            ),
        )

    def go_on_with_claim(self, merchant: Merchant) -> None:
        waiting = Claim.objects.filter(
            partner=merchant.partner,
            status__in=["submitted", "awaiting_return", "return_shipped", "return_received"],
        )
        if not (claims := list(waiting.order_by("pk"))):
            return
        claim = self.dice.choice(claims)
        now = clock.now()
        if claim.status == "submitted":
            self._decide(claim)
        elif claim.status == "awaiting_return":
            report(merchant, claim.aftersale_no, f"BACK-{next(self.numbers)}")
        elif claim.status == "return_shipped":
            receive_return(aftersale_no=claim.aftersale_no, quantities=None, by=OPERATOR, now=now)
        else:
            self._inspect(claim)

    def _decide(self, claim: Claim) -> None:
        if self.dice.random() < 0.15:
            reject_claim(aftersale_no=claim.aftersale_no, note="No.", by=OPERATOR, now=clock.now())
            return
        lines: dict[int, ApprovedLine] | None = None
        if self.dice.random() < 0.5:
            lines = {
                row.line.line_no: ApprovedLine(self.dice.randint(1, row.quantity))
                for row in self._claimed(claim)
            }
        approve_claim(
            aftersale_no=claim.aftersale_no,
            lines=lines,
            freight_amount=None,
            note="Less than asked for" if lines else "",
            by=OPERATOR,
            user=self.clerk,
            now=clock.now(),
        )

    def _inspect(self, claim: Claim) -> None:
        found = {}
        for row in self._claimed(claim):
            if not row.approved_quantity:
                continue
            accepted = self.dice.randint(0, row.approved_quantity)
            is_all = accepted == row.approved_quantity
            found[row.line.line_no] = InspectedLine(
                accepted=accepted,
                restocked=self.dice.randint(0, accepted),
                result=Result.AS_EXPECTED if is_all else Result.DAMAGED,
            )
        inspect_return(
            aftersale_no=claim.aftersale_no, lines=found, note="As found", picture_ids=[],
            freight_amount=None, by=OPERATOR, now=clock.now(),
        )  # fmt: skip

    # Money

    def top_up(self, merchant: Merchant) -> None:
        reported = Decimal(self.dice.randint(100, 90_000)) / 100
        top_up = enter_top_up(
            partner_code=merchant.partner.code, amount=reported,
            reference=f"bank-{next(self.numbers)}", paid_at=None, note=FEE, user=self.clerk,
            now=clock.now(),
        )  # fmt: skip
        fee = Decimal(self.dice.choice(["0.00", "0.00", "0.01", "0.99"]))
        self._settle(
            TopUp.__name__, top_up.top_up_no, approved_amount=f"{reported - fee:.2f}", note=FEE
        )

    def adjust(self, merchant: Merchant) -> None:
        amount = Decimal(self.dice.choice([-1, 1]) * self.dice.randint(1, 20_000)) / 100
        document = enter_adjustment(
            partner_code=merchant.partner.code, amount=amount, reason="=1+1, counted twice",
            user=self.clerk, now=clock.now(),
        )  # fmt: skip
        self._settle(Adjustment.__name__, document.adjustment_no)

    def withdraw(self, merchant: Merchant) -> None:
        own = Wallet.objects.get(partner=merchant.partner).balance
        document = enter_withdrawal(
            partner_code=merchant.partner.code,
            amount=max(Decimal("0.01"), (own / self.dice.randint(3, 9)).quantize(Decimal("0.01"))),
            reference=f"out-{next(self.numbers)}", reason="asked for", user=self.clerk,
            now=clock.now(),
        )  # fmt: skip
        self._settle(Withdrawal.__name__, document.withdrawal_no)

    def change_credit(self, merchant: Merchant) -> None:
        change_credit_limit(
            partner_code=merchant.partner.code,
            credit_limit=Decimal(self.dice.randrange(0, 3000, 100)),
            reason="as agreed", user=self.clerk, now=clock.now(),
        )  # fmt: skip

    def _settle(self, kind: str, number: str, **values: str) -> None:
        """Two people decide; now and then they refuse, or leave it."""
        waiting = Approval.objects.get(subject_no=number, status="pending")
        throw = self.dice.random()
        if throw < 0.1:
            reject(approval_id=waiting.pk, user=self.decider, reason="unknown", now=clock.now())
        elif throw < 0.95:
            approve(approval_id=waiting.pk, user=self.decider, values=values, now=clock.now())

    # What there is

    def _pick_order(self, merchant: Merchant, status: str) -> Order | None:
        found = Order.objects.filter(partner=merchant.partner, status=status).order_by("pk")
        return self.dice.choice(list(found)) if found else None

    def _pick_part(self, merchant: Merchant, *statuses: str) -> Suborder | None:
        found = (
            Suborder.objects.filter(order__partner=merchant.partner, status__in=statuses)
            .select_related("order")
            .order_by("pk")
        )
        return self.dice.choice(list(found)) if found else None

    def _lines(self, part: Suborder) -> list[OrderLine]:
        return list(part.lines.order_by("line_no"))

    def _claimed(self, claim: Claim) -> list[ClaimLine]:
        return list(claim.lines.select_related("line").order_by("line__line_no"))


@contextmanager
def _refusals_are_part_of_life() -> Iterator[None]:
    """What cannot be done is not done, and the month goes on."""
    with suppress(DomainError, PreviewOutdated):
        yield
