"""How fast a wallet is spent, and how long it lasts at that pace."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import NamedTuple

from accounts.models import Wallet
from openplatform.core import money
from openplatform.core.statements import send

SPENDING_DAYS = 30
KEEP_SECONDS = 60.0
MAX_KEPT = 10_000
# Payments without what was refunded, over the last thirty days, or over the days since the first
# payment when that is less long ago. A time that stands still, so that the index can be searched.
SPENDING = """
    SELECT coalesce(-sum(amount), 0), (
        SELECT CASE WHEN min(created_at) IS NOT NULL THEN least(%s, greatest(1, ceil(
            extract(epoch FROM statement_timestamp() - min(created_at)) / 86400
        ))) END
        FROM accounts_ledgerentry WHERE partner_id = %s AND kind = 'order_payment'
    )
    FROM accounts_ledgerentry
    WHERE partner_id = %s AND kind IN ('order_payment', 'refund')
        AND created_at >= statement_timestamp() - make_interval(days => %s)
"""


class Runway(NamedTuple):
    """``daily_spend`` is None before the first payment, ``days`` when nothing is being spent."""

    daily_spend: Decimal | None
    days: int | None


class _Kept(NamedTuple):
    daily_spend: Decimal | None
    read_at: float


class SpendingCache:
    """Averages read within the last minute: an average of thirty days moves slowly, and a busy
    merchant's is told under the lock of its wallet.
    """

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}

    def get(self, partner_id: int) -> Decimal | None:
        """What a partner spends in a day on average; None before its first payment."""
        kept = self._kept.get(partner_id)
        now = time.monotonic()
        if kept is None or now - kept.read_at >= KEEP_SECONDS:
            kept = _Kept(_read_daily_spend(partner_id), now)
            if kept.daily_spend is not None:  # a first payment is told of at once
                if len(self._kept) >= MAX_KEPT:
                    self._kept.clear()
                self._kept[partner_id] = kept
        return kept.daily_spend

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()


SPENDING_CACHE = SpendingCache()


def get_runway(*, wallet: Wallet) -> Runway:
    """The average is at most a minute old; the days follow from what is available now."""
    daily = SPENDING_CACHE.get(wallet.pk)
    if not daily:
        return Runway(daily, None)
    return Runway(daily, max(int(wallet.available_amount / daily), 0))


def _read_daily_spend(partner_id: int) -> Decimal | None:
    row = send(SPENDING, [SPENDING_DAYS, partner_id, partner_id, SPENDING_DAYS]).row()
    assert row is not None  # noqa: S101 - an aggregate always answers
    spent, days = row
    return None if days is None else max(money.round_amount(spent / days), money.ZERO)
