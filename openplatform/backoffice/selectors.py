"""What the first page of the back office shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import Count, F, Min, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from accounts.models import ApiKey, Wallet
from accounts.spending import Runway, get_runway
from catalog.models import Stock
from openplatform.core import money
from openplatform.core.clock import PLATFORM_ZONE
from openplatform.core.statements import send_spelled_out
from openplatform.messaging.models import Outbox
from orders.models import Order
from orders.services.shipping import SHIPPABLE
from orders.states import OrderStatus

CHART_DAYS = 14
KEYS_END_WITHIN = timedelta(days=30)
# With the values in the statement the planner sees that the index of these states has them all.
TO_SHIP = "SELECT count(*) FROM orders_suborder WHERE status = ANY(%(statuses)s)"


@dataclass(frozen=True, slots=True)
class Day:
    """The orders placed on one day of the platform's calendar."""

    on: date
    orders: int
    amount: Decimal


def list_days(*, now: datetime) -> list[Day]:
    """The last fourteen days up to today, oldest first, days without orders too."""
    today = now.astimezone(PLATFORM_ZONE).date()
    first = today - timedelta(days=CHART_DAYS - 1)
    start = datetime.combine(first, datetime.min.time(), PLATFORM_ZONE)
    rows = (
        Order.objects.filter(created_at__gte=start)
        .annotate(day=TruncDate("created_at", tzinfo=PLATFORM_ZONE))
        .order_by()
        .values_list("day")
        .annotate(Count("id"), Sum("total_amount"))
    )
    by_day = {day: Day(day, count, amount) for day, count, amount in rows}
    days = (first + timedelta(days=offset) for offset in range(CHART_DAYS))
    return [by_day.get(day, Day(day, 0, money.ZERO)) for day in days]


def count_pending_payment() -> int:
    """Orders that wait for their confirmation."""
    return Order.objects.filter(status=OrderStatus.PENDING_PAYMENT).count()


def count_to_ship() -> int:
    """Suborders with something left to ship."""
    row = send_spelled_out(TO_SHIP, {"statuses": [status.value for status in SHIPPABLE]}).row()
    assert row is not None  # noqa: S101 - an aggregate always has a row
    return int(row[0])


def list_low_wallets() -> QuerySet[Wallet]:
    """Wallets of which less than the alert threshold, or nothing, is available; lowest first."""
    return (
        Wallet.objects.annotate(can_spend=F("balance") + F("credit_limit") - F("held_amount"))
        .filter(Q(can_spend__lt=F("alert_threshold")) | Q(can_spend__lte=0))
        .select_related("partner")
        .order_by("can_spend", "partner__code")
    )


def list_wallets_with_runway(wallets: QuerySet[Wallet]) -> list[tuple[Wallet, Runway]]:
    """Each wallet, and how long it lasts; one more statement for each."""
    return [(wallet, get_runway(wallet=wallet)) for wallet in wallets]


def list_ending_keys(*, now: datetime) -> QuerySet[ApiKey]:
    """Keys that still open something and end within thirty days, the next one first."""
    return (
        ApiKey.objects.filter(
            revoked_at=None, expires_at__gt=now, expires_at__lte=now + KEYS_END_WITHIN
        )
        .select_related("partner")
        .order_by("expires_at")
    )


def list_empty_stock() -> QuerySet[Stock]:
    """Stock rows of SKUs on the shelf with nothing left to promise."""
    return (
        Stock.objects.filter(
            sku__shelf_state="on_shelf", on_hand__lte=F("reserved") + F("safety_quantity")
        )
        .select_related("sku", "warehouse")
        .order_by("sku__code", "warehouse__code")
    )


def get_oldest_outbox_moment() -> datetime | None:
    """Since when the oldest message waits for the sequencer; None when nothing waits."""
    oldest: datetime | None = Outbox.objects.aggregate(oldest=Min("created_at"))["oldest"]
    return oldest
