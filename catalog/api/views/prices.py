"""What SKUs cost."""

from __future__ import annotations

from datetime import datetime, timedelta

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api.serializers import PriceHistorySerializer, PricesSerializer
from catalog.api.views.batches import SKU_CODES, answer_batch
from catalog.selectors.price_history import get_price_history
from catalog.selectors.prices import get_prices
from openplatform.core import clock
from openplatform.core.api.caller import caller_of
from openplatform.core.api.filters import require_known_parameters
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.errors import DomainError, FieldInvalid, refuse_if
from openplatform.core.scopes import Scope

DAYS = 90  # that are told unless asked for others
MAX_DAYS = 366


class ListPricesView(PartnerAPIView):
    """Prices of several SKUs."""

    operation = "list_prices"
    required_scope = Scope.CATALOG_READ

    @extend_schema(parameters=[SKU_CODES], responses=PricesSerializer)
    def get(self, request: Request) -> Response:
        """An entry a code, in the order asked for, each with what is known to come.

        `purchase_price` is the caller's own: by agreement on the SKU, else on its deepest category,
        else on its brand, else on everything, of two alike the one that started later; without an
        agreement it is the sale price. A price with a percentage off is rounded to the cent, half
        a cent up, and is at least one cent. `next_change` is the next moment from which on any of
        the four prices will differ; later ones follow once it has come. `price.announced` tells of
        it ahead, `price.changed` when it has come.
        """
        return answer_batch(request, get_prices)


class ListPriceHistoryView(PartnerAPIView):
    """What a SKU cost on some day."""

    operation = "list_price_history"
    required_scope = Scope.CATALOG_READ

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "from",
                datetime,
                description=f"This moment included; left out: {DAYS} days before `to`, or before"
                f" now. At most {MAX_DAYS} days lie between it and `to`, or now",
            ),
            OpenApiParameter(
                "to",
                datetime,
                description="This moment not included; left out: all that is known to come as well",
            ),
        ],
        responses=PriceHistorySerializer,
    )
    def get(self, request: Request, sku: str) -> Response:
        """The caller's prices that counted between two moments, the earliest first.

        Each entry tells from when until when its prices count, be that outside of what was asked
        for, so that the price of any moment is that of the one entry around it. What a SKU cost is
        told as agreements and its category stood then, whether or not the caller saw it.
        """
        from_at, to_at = _read_period(request)
        return Response(
            get_price_history(
                partner_id=caller_of(request).partner_id, code=sku, from_at=from_at, to_at=to_at
            )
        )


def _read_period(request: Request) -> tuple[datetime, datetime | None]:
    """
    :raises Refusal: ``field_invalid`` for what is no time, an end that is not after the start, and
        a period that is too long.
    """
    require_known_parameters(request, "from", "to")
    moments: dict[str, datetime | None] = {"from": None, "to": None}
    faults: list[DomainError] = []
    for name in moments.keys() & request.query_params.keys():
        # a plus sign left unescaped
        moments[name] = clock.from_text(request.query_params[name].replace(" ", "+"))
        if moments[name] is None:
            faults.append(FieldInvalid(pointer=f"?{name}"))
    refuse_if(faults)
    to_at = moments["to"]
    last = to_at or clock.now()
    from_at = moments["from"] or _days_before(last, DAYS)
    if to_at is not None and to_at <= from_at:
        raise FieldInvalid(pointer="?to")
    if last - from_at > timedelta(days=MAX_DAYS):
        raise FieldInvalid(pointer="?from", maximum_days=MAX_DAYS)
    return from_at, to_at


def _days_before(moment: datetime, days: int) -> datetime:
    """So many days earlier, if there are so many."""
    earliest = datetime.min.replace(tzinfo=moment.tzinfo)
    return max(moment, earliest + timedelta(days=days + 1)) - timedelta(days=days)
