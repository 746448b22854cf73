"""SKUs that are chosen in the list, on their way to a page that does something with them.

A few chosen ones travel by their ids. The whole result of a search travels as that search: however
many they are, and whatever has come into it since, the page is about all of them.
"""

from __future__ import annotations

import copy
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseRedirect, QueryDict

from catalog.models import Sku
from openplatform.core.admin.model_admins import ModelAdmin
from openplatform.core.statements import any_of

SEARCH, IDS = "search", "ids"
MAX_DIGITS = 18  # of a bigint


class ChosenSkus(ModelAdmin):
    """For the list of SKUs."""

    def go_with_chosen(
        self, request: HttpRequest, queryset: QuerySet[Sku], url: str
    ) -> HttpResponseRedirect:
        """On to a page, with what an action of the list was given."""
        if request.POST.get("select_across") == "1":
            chosen = {SEARCH: request.GET.urlencode()}
        else:
            chosen = {IDS: ",".join(request.POST.getlist(ACTION_CHECKBOX_NAME))}
        return HttpResponseRedirect(f"{url}?{urlencode(chosen)}")

    def get_chosen(self, request: HttpRequest) -> QuerySet[Sku]:
        """The SKUs that a page is about, as they are found now.

        :raises Http404: when the address names none in a form that can be read.
        """
        if SEARCH in request.GET:
            return self._search(request, request.GET[SEARCH])
        parts = request.GET.get(IDS, "").split(",")
        if not all(
            part.isascii() and part.isdecimal() and len(part) <= MAX_DIGITS for part in parts
        ):
            raise Http404
        rows: QuerySet[Any] = self.model._default_manager.all()
        return rows.filter(pk__in=any_of([int(part) for part in parts]))

    def get_chosen_ids(self, request: HttpRequest) -> list[int]:
        """Their ids."""
        chosen = self.get_chosen(request).order_by().values_list("pk", flat=True)
        return list(chosen.distinct())

    def _search(self, request: HttpRequest, search: str) -> QuerySet[Sku]:
        asked: Any = copy.copy(request)
        asked.GET = QueryDict(search)
        try:
            found: QuerySet[Sku] = self.get_changelist_instance(asked).get_queryset(asked)
        except IncorrectLookupParameters as error:
            raise Http404 from error
        return found
