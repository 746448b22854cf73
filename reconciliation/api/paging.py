"""Lists by a number that rises as they grow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import django_filters
from django.db.models import Model, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from openplatform.core.api.filters import filter_queryset
from openplatform.core.api.pagination import number_after, page_body, read_page

M = TypeVar("M", bound=Model)


def answer_page(
    request: Request,
    filterset: type[django_filters.FilterSet],
    rows: QuerySet[M],
    show: Callable[[M], dict[str, Any]],
    *,
    by: str = "-pk",
) -> Response:
    """The page asked for of rows that come the newest first, or by a rising number of their own.

    :param by: the order that the rows are in: ``-pk``, or the name of that number.

    :raises Refusal: for parameters that are not known or cannot be read.
    :raises CursorInvalid: for a cursor of another list.
    """
    filtered = filter_queryset(filterset, request, rows)
    page = read_page(request, order=by)
    name = by.removeprefix("-")
    if (last := number_after(page)) is not None:
        comparison = "lt" if by.startswith("-") else "gt"
        filtered = filtered.filter(**{f"{name}__{comparison}": last})
    return Response(
        page_body(
            request,
            page,
            list(filtered[: page.limit + 1]),
            position=lambda row: [getattr(row, name)],
            show=show,
        )
    )
