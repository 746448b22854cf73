"""The refunds of each day as bars, drawn on the page itself: nothing is fetched to show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal

from aftersales.selectors.figures import RefundDay

WIDTH, HEIGHT = 960, 260  # of the drawing; the page scales it
LEFT, RIGHT, TOP, BOTTOM = 76, 8, 12, 28  # room for what is written around the bars
STEPS = (Decimal(1), Decimal(2), Decimal(5), Decimal(10))
LINES = 4  # at most, above the base
LABELS = 12  # at most, below the bars
GAP = 0.25  # of a day's room, between bars
WIDEST = 40


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: goods at the foot, freight upon them."""

    day: RefundDay
    x: float
    width: float
    goods_y: float
    goods_height: float
    freight_y: float
    freight_height: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A line across with its amount, or a day below the bars."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Where everything is, in units of the drawing."""

    bars: Sequence[Bar]
    lines: Sequence[Mark]
    labels: Sequence[Mark]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    base: int = HEIGHT - BOTTOM


def draw_refunds(days: Sequence[RefundDay]) -> Chart:
    """The chart of at least one day; the highest bar reaches the highest line or stays below."""
    highest = max(day.amount for day in days)
    step = _step_for(highest)
    count = _lines_for(highest, step)
    base, room = HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP
    unit = room / float(step * count)
    each = (WIDTH - LEFT - RIGHT) / len(days)
    width = min(each * (1 - GAP), WIDEST)
    bars = []
    for number, day in enumerate(days):
        goods, freight = float(day.goods_amount) * unit, float(day.freight_amount) * unit
        bars.append(
            Bar(
                day=day,
                x=_round(LEFT + each * number + (each - width) / 2),
                width=_round(width),
                goods_y=_round(base - goods),
                goods_height=_round(goods),
                freight_y=_round(base - goods - freight),
                freight_height=_round(freight),
            )
        )
    every = -(-len(days) // LABELS)
    return Chart(
        bars=bars,
        lines=[
            Mark(_round(base - float(step * number) * unit), f"{step * number:,f}")
            for number in range(count + 1)
        ],
        labels=[
            Mark(_round(LEFT + each * (number + 0.5)), _text_of(day.on, days))
            for number, day in enumerate(days)
            if number % every == 0
        ],
    )


def _step_for(highest: Decimal) -> Decimal:
    """A round amount, of which at most four reach the highest one."""
    least = highest / LINES
    power = Decimal(1)
    while power * 10 < least:
        power *= 10
    return next((power * step for step in STEPS if power * step >= least), power)


def _lines_for(highest: Decimal, step: Decimal) -> int:
    return max(int((highest / step).to_integral_value(ROUND_CEILING)), 1)


def _text_of(day: date, days: Sequence[RefundDay]) -> str:
    """Without the year, unless there are two."""
    return f"{day:%m-%d}" if days[0].on.year == days[-1].on.year else f"{day:%Y-%m-%d}"


def _round(value: float) -> float:
    return round(value, 2)
