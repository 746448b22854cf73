"""Lists of what belongs to orders, found by whatever an order is found by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from openplatform.core.admin.paging import BoundedPaginator
from openplatform.core.statements import any_of
from orders.selectors.search import MAX_LENGTH, find_orders

ORDER_SEARCH = _(
    "Beginning of a number (order, suborder, merchant's order, purchase order, shipment,"
    " waybill), of the consignee's phone or name"
)


class FoundByOrder:
    """A list of many rows, each of an order: searched through indexes, counted to a bound.

    ``order_path`` leads from a row to its order's key. A text that is one of ``own_numbers`` as a
    whole finds the rows of this number alone; any other finds those of the orders that
    :func:`find_orders` finds. ``search_fields`` only says that the list has a search box.
    """

    order_path: ClassVar[str]
    own_numbers: ClassVar[Sequence[str]] = ()

    show_full_result_count = False
    paginator = BoundedPaginator
    search_fields: Sequence[str] = ("pk",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The rows among them that are meant."""
        text = search_term.strip()
        if not text:
            return queryset, False
        if self.own_numbers and len(text) <= MAX_LENGTH and "\0" not in text:
            spellings = {text, text.upper()}
            numbered = [Q(**{f"{name}__in": spellings}) for name in self.own_numbers]
            meant = queryset.filter(Q(*numbered, _connector=Q.OR))
            if meant.exists():
                return meant, False
        found = find_orders(text)
        if found.is_cut:
            messages.info(
                request,
                _("Many orders fit; type more of the number or name to see the right ones"),
            )
        of_found = {f"{self.order_path}__in": any_of(found.order_ids)}
        return queryset.filter(**of_found), False
