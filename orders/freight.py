"""What the carriage of a suborder costs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from openplatform.core import money


@dataclass(frozen=True, slots=True)
class FreightTariff:
    """A first weight and equal steps beyond it."""

    first_weight_grams: int
    first_amount: Decimal
    step_weight_grams: int
    step_amount: Decimal

    def amount_for(self, weight_grams: int) -> Decimal:
        """The freight of one parcel; a step that is begun counts whole."""
        beyond = max(weight_grams - self.first_weight_grams, 0)
        steps = -(-beyond // self.step_weight_grams)
        return self.first_amount + steps * self.step_amount


FREE = FreightTariff(1, money.ZERO, 1, money.ZERO)
