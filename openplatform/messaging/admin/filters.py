"""Filters and searches of lists that may have millions of rows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.db import OperationalError
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter, RangeDateTimeFilter
from unfold.utils import parse_date_str

from openplatform.core.admin.paging import BoundedPaginator
from openplatform.core.clock import YEARS
from openplatform.core.errors import type_of_text
from openplatform.core.locking import QUERY_CANCELED, sqlstate_of
from openplatform.core.statements import any_of
from openplatform.messaging.admin.shown import partner_keys
from openplatform.messaging.models import MessageCursor, WebhookEndpoint
from openplatform.messaging.types import TYPES

# No index leads from a type to its rows: so many of the newest are looked through.
LOOKED_THROUGH = 200_000
MAX_DIGITS = 18  # of a sequence
MAX_TEXT = 128
ONE_SECOND = timedelta(seconds=1)
MAX_FOUND = 1_000  # of a search

MESSAGE_SEARCH = _("Id, sequence, subject (an order number will do), type or code of a partner")


class MomentsFilter(RangeDateTimeFilter):
    """From a moment to a moment. A day without a time is meant as a whole."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for which, whole in (("from", "00:00:00"), ("to", "23:59:59")):
            day, at = (f"{self.parameter_name}_{which}_{part}" for part in range(2))
            if _text_of(self.used_parameters.get(day)) and not _text_of(
                self.used_parameters.get(at)
            ):
                self.used_parameters[at] = whole  # seen in the form, too

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows within; what is no moment is passed over."""
        start, end = self._moment("from"), self._moment("to")
        if start is not None:
            queryset = queryset.filter(**{f"{self.parameter_name}__gte": start})
        if end is not None:
            queryset = queryset.filter(**{f"{self.parameter_name}__lt": end + ONE_SECOND})
        return queryset

    def _moment(self, which: str) -> datetime | None:
        day_text, time_text = (
            _text_of(self.used_parameters.get(f"{self.parameter_name}_{which}_{part}"))
            for part in range(2)
        )
        day = parse_date_str(day_text)
        if day is None or day.year not in YEARS:
            return None
        try:
            at = time.fromisoformat(time_text)
        except ValueError:
            return None
        return timezone.make_aware(datetime.combine(day, at.replace(tzinfo=None)))


class TypeFilter(DropdownFilter):
    """The types that there are, of which the newest rows are looked through."""

    title = _("type")
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, type_of_text]]:
        """By name, as programs know them."""
        return [(name, name) for name in sorted(TYPES)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those of the type."""
        name = self.value()
        return queryset if name not in TYPES else of_type(request, queryset, name)


class FoundByMessage:
    """A list of messages or of what carries them, searched by what has an index, counted to a
    bound.

    What is meant is looked for first, one index at a time, and the list is of what was found: all
    of it in one condition would have the database read every row.
    """

    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # each would count the whole list
    paginator = BoundedPaginator
    search_fields: ClassVar[tuple[str, ...]] = ("pk",)  # says that there is a search box
    search_help_text = MESSAGE_SEARCH
    # By this, not by key: a filter by time then reads its own index.
    ordering = ("-created_at", "-id")
    partner_path: ClassVar[str]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list; where that takes the database too long, the word to ask for less."""
        try:
            response: HttpResponse = super().changelist_view(request, extra_context)  # type: ignore[misc]
            listed = (getattr(response, "context_data", None) or {}).get("cl")
            if listed is not None:
                len(listed.result_list)  # read here, not when the page is written
        except OperationalError as error:
            if sqlstate_of(error) != QUERY_CANCELED or not request.GET:
                raise
            text = _("That are too many to look through; choose a shorter time, or search")
            messages.error(request, text)
            return HttpResponseRedirect(request.path)
        return response

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The rows among them that are meant."""
        text = search_term.strip()
        if not text:
            return queryset, False
        if len(text) > MAX_TEXT:
            return queryset.none(), False
        if text in TYPES:
            return of_type(request, queryset, text), False
        keys = {key for rows in self.list_meant(text) for key in newest_keys(rows)}
        if keys:
            return queryset.filter(pk__in=any_of(keys)), False
        partner = partner_keys(code=text)
        return queryset.filter(**{f"{self.partner_path}__in": partner}), False

    @abstractmethod
    def list_meant(self, text: str) -> Iterator[QuerySet[Any]]:
        """What a text may mean, each through an index of its own."""


def newest_keys(rows: QuerySet[Any]) -> list[int]:
    """The keys of rows, of very many the newest."""
    return list(rows.order_by("-pk").values_list("pk", flat=True)[:MAX_FOUND])


def subjects_of(text: str) -> set[str]:
    """Subjects that somebody may mean: ``order:<number>`` by the number, too."""
    kinds = {name.partition(".")[0] for name in TYPES}
    return {text, *(f"{kind}:{text}" for kind in kinds)}


def sequence_of(text: str) -> int | None:
    """The sequence that a text is, if it can be one."""
    is_number = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    return int(text) if is_number else None


def of_type(request: HttpRequest, queryset: QuerySet[Any], name: str) -> QuerySet[Any]:
    """The rows of a type; unless the list is of some time, among the newest only: of all there
    are, or of the partner's whose list it is.

    A type of which there are few would otherwise make the database read every row.
    """
    rows = queryset.filter(type=name)
    if any(key.startswith("created_at") for key, value in request.GET.items() if value):
        return rows
    partner = _partner_asked_for(request)
    if partner is None:
        field = "pk"
        newest = queryset.model._default_manager.aggregate(last=Max("pk"))["last"]
    else:
        field = "sequence"
        cursor = MessageCursor.objects.filter(pk=partner).first()
        newest = cursor.last_sequence if cursor else None
    if newest is None or newest <= LOOKED_THROUGH:
        return rows
    text = _("Of a type, the newest are looked through; choose a time to see others")
    messages.info(request, text)
    return rows.filter(**{f"{field}__gt": newest - LOOKED_THROUGH})


def _partner_asked_for(request: HttpRequest) -> int | None:
    """The partner whose list it is, or whose endpoint's."""
    for name in ("partner__id__exact", "endpoint__partner__id__exact"):
        if (key := sequence_of(request.GET.get(name, ""))) is not None:
            return key
    if (key := sequence_of(request.GET.get("endpoint__id__exact", ""))) is not None:
        endpoint = WebhookEndpoint.objects.filter(pk=key).first()
        return None if endpoint is None else endpoint.partner_id
    return None


def _text_of(value: Any) -> str:
    if isinstance(value, list):
        value = value[0] if value else ""
    return str(value or "").strip()
