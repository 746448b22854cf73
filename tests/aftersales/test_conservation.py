"""Money and units of an order, whatever is claimed of it and done to it in whatever order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import chain, count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import LedgerEntry
from accounts.services.books import verify_books
from aftersales.models import Claim, ClaimLine
from aftersales.services.deciding import ApprovedLine
from aftersales.services.inspecting import InspectedLine, inspect_return
from aftersales.services.receiving import receive_return
from aftersales.states import ClaimStatus
from openplatform.core import clock
from openplatform.core.errors import DomainError
from orders.models import Order, OrderLine, Suborder
from tests.accounts.damaging import books_db, repeatable_read  # noqa: F401 - fixtures
from tests.aftersales.acts import (
    OPERATOR,
    add_picture,
    file,
    make_reasons,
    set_return_addresses,
)
from tests.aftersales.deciding import approve, reject
from tests.cast import Merchant, World, make_merchant
from tests.orders.acts import pay, ship
from tests.orders.changing import close, close_all, move, require_conserved, split_off

PRICES = ("0.01", "3.33", "10.00", "99.99")
NUMBERS = count(1)
Result = ClaimLine.Inspection


@dataclass(frozen=True)
class Act:
    """Something that is done to one of the suborders, or of the claims, that there are by then."""

    kind: str
    which: int
    units: tuple[int, ...]
    cents: int  # less than what was paid
    freight: str | None
    warehouse: str
    flag: bool
    then: tuple[str, ...] = ()  # done next, where this one is a claim


acts = st.builds(
    Act,
    kind=st.sampled_from(
        [
            "claim", "claim", "claim_return", "claim_return", "approve", "inspect", "ship",
            "split", "move", "close", "reject", "close_all",
        ]
    ),
    which=st.integers(0, 9),
    units=st.tuples(*[st.integers(0, 3)] * len(PRICES)),
    cents=st.sampled_from([0, 0, 1, 7]),
    freight=st.sampled_from([None, None, None, "0.01", "3.00"]),
    warehouse=st.sampled_from(["north", "south"]),
    flag=st.booleans(),
    then=st.sampled_from(
        [(), ("approve",), ("approve", "inspect"), ("reject",), ("split", "approve")]
    ),
)  # fmt: skip


class Story:
    """One order, and what is done to it."""

    def __init__(self, merchant: Merchant, order: Order) -> None:
        self.merchant, self.order = merchant, order

    def perform(self, act: Act) -> None:
        """Do it, with the units that it names as far as they are there."""
        deeds: dict[str, Callable[[Act], object]] = {
            "split": lambda act: split_off(
                self.part(act).order_no, self.left(act), to=act.warehouse, restock=act.flag
            ),
            "move": lambda act: move(self.part(act).order_no, to=act.warehouse),
            "close": lambda act: close(
                self.part(act).order_no, self.left(act) or None, restock=act.flag
            ),
            "close_all": lambda act: close_all(self.order.order_no),
            "ship": lambda act: ship(
                self.part(act).order_no, self.left(act) or None, waybill_no=f"SF-{next(NUMBERS)}"
            ),
            "claim": lambda act: self.claim(act, "refund"),
            "claim_return": lambda act: self.claim(act, "return_refund"),
            "approve": self.approve,
            "reject": lambda act: reject(
                {"aftersale_no": self.find(act, ClaimStatus.SUBMITTED).aftersale_no}
            ),
            "inspect": self.inspect,
        }
        deeds[act.kind](act)

    def part(self, act: Act) -> Suborder:
        """One of the suborders."""
        parts = list(self.order.suborders.order_by("id"))
        return parts[act.which % len(parts)]

    def left(self, act: Act) -> dict[int, int]:
        """As many of each line as can still be shipped, at most."""
        return {
            line.line_no: units
            for line, wanted in zip(
                self.part(act).lines.order_by("line_no"), act.units, strict=False
            )
            if (units := min(wanted, line.left_quantity))
        }

    def find(self, act: Act, *statuses: ClaimStatus) -> Claim:
        """One of the claims in these states.

        :raises DomainError: when there is none.
        """
        claims = list(Claim.objects.filter(order=self.order, status__in=statuses).order_by("id"))
        if not claims:
            raise NothingThere
        return claims[act.which % len(claims)]

    def claim(self, act: Act, type: str) -> None:
        """Claim units of a suborder; more than there are when the act says so."""
        part = self.part(act)
        lines = list(part.lines.order_by("line_no"))
        wanted = {
            line.line_no: units
            for line, named in zip(lines, act.units, strict=False)
            if (units := named if act.cents else min(named, _claimable(line, type)))
        }
        file(
            self.merchant, part.order_no, wanted or {lines[0].line_no: 1}, type=type,
            merchant_aftersale_no=f"R-{next(NUMBERS)}",
        )  # fmt: skip

    def approve(self, act: Act) -> None:
        """Grant a claim, some units fewer and some cents less."""
        claim = self.find(act, ClaimStatus.SUBMITTED)
        granted = {}
        for row, fewer in zip(
            claim.lines.select_related("line").order_by("line__line_no"), act.units, strict=False
        ):
            quantity = max(row.quantity - fewer, 0) if act.flag else row.quantity
            paid = row.line.purchase_price * quantity
            amount = max(paid - Decimal(act.cents) / 100, Decimal("0.00"))
            granted[row.line.line_no] = ApprovedLine(quantity, amount)
        approve({"aftersale_no": claim.aftersale_no}, granted, freight=act.freight, note="Seen.")

    def inspect(self, act: Act) -> None:
        """Take goods in, whose merchant said nothing, and look at them."""
        claim = self.find(act, ClaimStatus.AWAITING_RETURN, ClaimStatus.RETURN_RECEIVED)
        number = claim.aftersale_no
        if claim.status != ClaimStatus.RETURN_RECEIVED:
            receive_return(aftersale_no=number, quantities=None, by=OPERATOR, now=clock.now())
        found = {}
        for row, fewer in zip(
            claim.lines.select_related("line").order_by("line__line_no"), act.units, strict=False
        ):
            if row.approved_quantity:
                accepted = max(row.approved_quantity - fewer, 0)
                restocked = accepted if act.flag else 0
                result = Result.DAMAGED if fewer else Result.AS_EXPECTED
                found[row.line.line_no] = InspectedLine(accepted, restocked, result)
        inspect_return(
            aftersale_no=number,
            lines=found,
            note="Looked at.",
            picture_ids=[add_picture(self.merchant, uploaded_by="operator")],
            freight_amount=None if act.freight is None else Decimal(act.freight),
            by=OPERATOR,
            now=clock.now(),
        )


def steps_of(act: Act) -> list[Act]:
    """The act, and what is done next to what it claimed."""
    following = act.then if act.kind in ("claim", "claim_return") else ()
    return [act, *(replace(act, kind=kind, which=-1) for kind in following)]


def _claimable(line: OrderLine, type: str) -> int:
    """Units of a line that can be claimed; for a return those that have left."""
    if type == "refund":
        return line.claimable_quantity
    came_back = line.refunded_quantity - line.closed_quantity
    return line.shipped_quantity - came_back - (line.claimed_quantity - line.stopped_quantity)


class NothingThere(DomainError):
    """The act has nothing to act upon."""

    code = "nothing_there_in_a_test"
    status = 409
    title = "Nothing there"


def total_units(order: Order) -> dict[str, int]:
    """Bought units by SKU, wherever they lie."""
    units: dict[str, int] = {}
    for line in OrderLine.objects.filter(order=order):
        units[line.sku_code] = units.get(line.sku_code, 0) + line.quantity
    return units


@pytest.fixture
def paid_goods(books_db: None, shop: World) -> World:  # noqa: F811
    """Goods of odd prices in both warehouses, with little of some in the south."""
    for number, price in enumerate(PRICES):
        shop.make_sku(f"S{number}", price=price, north=5000, south=2 if number % 2 else 5000)
    make_reasons()
    set_return_addresses()
    return shop


@pytest.fixture
def merchant(books_db: None) -> Merchant:  # noqa: F811
    """With money for all of it."""
    return make_merchant("acme", balance="1000000.00")


def test_money_and_units_are_conserved_whatever_is_claimed_in_whatever_order(
    paid_goods: World, merchant: Merchant
) -> None:
    @settings(max_examples=25, deadline=None, database=None)
    @given(
        quantities=st.tuples(*[st.integers(1, 5)] * len(PRICES)),
        is_shipped=st.booleans(),
        series=st.lists(acts, min_size=3, max_size=12),
    )
    def try_out(quantities: tuple[int, ...], is_shipped: bool, series: list[Act]) -> None:
        items = [(f"S{number}", units) for number, units in enumerate(quantities)]
        order_no = pay(merchant, f"M-{next(NUMBERS)}", items=items)["order_no"]
        order = Order.objects.get(order_no=order_no)
        paid = order.total_amount
        story = Story(merchant, order)
        if is_shipped:
            ship(f"{order_no}-1", {1: 1, 3: quantities[2], 4: 1}, waybill_no=f"SF-{order_no}")
        for act in chain.from_iterable(map(steps_of, series)):
            refunded = order.refunded_amount
            entries = LedgerEntry.objects.count()
            try:
                story.perform(act)
            except DomainError:
                assert LedgerEntry.objects.count() == entries
            order.refresh_from_db()
            assert order.total_amount == paid
            assert refunded <= order.refunded_amount <= paid
            assert total_units(order) == dict(items)
        require_conserved(order_no)

    try_out()

    require_conserved()
    assert verify_books().differences == []


def test_whole_price_comes_back_when_every_unit_is_claimed_one_by_one(
    paid_goods: World, merchant: Merchant
) -> None:
    order = Order.objects.get(order_no=pay(merchant, items=[("S1", 3), ("S3", 2)])["order_no"])
    split_off(f"{order.order_no}-1", {1: 1, 2: 1}, to="south")

    for line in OrderLine.objects.order_by("line_no").select_related("suborder"):
        for _unit in range(line.quantity):
            approve(
                file(
                    merchant, line.suborder.order_no, {line.line_no: 1},
                    merchant_aftersale_no=f"R-{next(NUMBERS)}",
                )
            )  # fmt: skip

    order.refresh_from_db()
    assert (order.status, order.refunded_amount) == ("closed", order.total_amount)
    assert sum(LedgerEntry.objects.filter(kind="refund").values_list("amount", flat=True)) == (
        order.total_amount
    )
    require_conserved()
    assert verify_books().differences == []


@pytest.mark.parametrize("accepted", [(1, 1, 1), (2, 1), (3,)])
def test_lowered_amount_is_never_exceeded_when_it_is_divided_by_inspections(
    paid_goods: World, merchant: Merchant, accepted: tuple[int, ...]
) -> None:
    """Each of several returns of one line is granted a cent less than was paid."""
    order_no = pay(merchant, items=[("S1", 3)])["order_no"]
    part = f"{order_no}-1"
    ship(part)
    story = Story(merchant, Order.objects.get(order_no=order_no))

    for units in accepted:
        claim = file(
            merchant, part, {1: units}, type="return_refund",
            merchant_aftersale_no=f"R-{next(NUMBERS)}",
        )  # fmt: skip
        amount = Decimal("3.33") * units - Decimal("0.01")
        approve(claim, {1: ApprovedLine(units, amount)}, note="Less a cent.")
        story.inspect(Act("inspect", 0, (0, 0, 0, 0), 0, None, "north", flag=True))

    line = OrderLine.objects.get()
    assert line.refunded_amount == Decimal("9.99") - Decimal("0.01") * len(accepted)
    assert line.refunded_quantity == 3
    require_conserved()
    assert verify_books().differences == []
