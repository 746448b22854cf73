"""Money: ``Decimal`` with two places, tax included, rounded half up, here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
ZERO = Decimal("0.00")
WHOLE = 100  # percent
MAX_DIGITS = 14
LIMIT = Decimal(10) ** (MAX_DIGITS - 2)  # every amount stays below it


def round_amount(amount: Decimal) -> Decimal:
    """To the cent, half a cent away from zero."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def to_text(amount: Decimal) -> str:
    """The form of the API: ``"128.50"``.

    :raises ValueError: when the amount is finer than a cent, which is a bug of the caller.
    """
    exact = amount.quantize(CENT)
    if exact != amount:
        raise ValueError(f"{amount} is finer than a cent")
    return f"{exact:f}"


def discounted(amount: Decimal, percent: Decimal) -> Decimal:
    """An amount with ``percent`` of it taken off (15 leaves 85 %), rounded half up to the cent, at
    least one cent. A percentage below zero is added.
    """
    return max(round_amount(amount * (WHOLE - percent) / WHOLE), CENT)


def divide(amount: Decimal, weights: Sequence[int | Decimal]) -> list[Decimal]:
    """Divide an amount by weights, to the cent and without loss, by largest remainder.

    Equal remainders go to the earlier share. The shares add up to the amount exactly.

    :raises ValueError: for no weights, a negative one, or only zeros.
    """
    total = sum(weights)
    if not weights or total <= 0 or min(weights) < 0:
        raise ValueError("weights must not be negative and must add up to more than zero")
    cents = int(amount / CENT)
    sign = -1 if cents < 0 else 1
    quotas = [abs(cents) * Decimal(weight) / Decimal(total) for weight in weights]
    shares = [int(quota) for quota in quotas]
    by_remainder = sorted(range(len(weights)), key=lambda i: (shares[i] - quotas[i], i))
    for index in by_remainder[: abs(cents) - sum(shares)]:
        shares[index] += 1
    return [sign * share * CENT for share in shares]


def rate_to_text(rate: Decimal) -> str:
    """A rate without needless zeros: ``"0.13"``."""
    return f"{rate:.4f}".rstrip("0").rstrip(".")
