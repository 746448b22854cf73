"""Query parameters: named, known, and read as strictly as a body."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

import django_filters
from django import forms
from django.db.models import Model, QuerySet
from rest_framework.request import Request

from openplatform.core import clock
from openplatform.core.api.pagination import PARAMETERS
from openplatform.core.errors import (
    DomainError,
    FieldInvalid,
    FieldRequired,
    FilterNotAllowed,
    StringInvalid,
    TooManyItems,
    refuse_if,
)

MAX_TEXT = 200
MAX_BATCH = 100

M = TypeVar("M", bound=Model)


class _MomentField(forms.Field):
    def clean(self, value: Any) -> datetime | None:
        if value in (None, ""):
            return None
        moment = clock.from_text(value.replace(" ", "+"))  # a plus sign left unescaped
        if moment is None:
            raise forms.ValidationError("RFC 3339 with offset")
        return moment


class MomentFilter(django_filters.Filter):
    """An RFC 3339 time with offset."""

    field_class = _MomentField


def require_known_parameters(request: Request, *known: str) -> None:
    """
    :raises Refusal: ``filter_not_allowed`` for each query parameter not named here, then
        ``field_invalid`` for each that comes twice, of which one would be lost in silence.
    """
    if not request._request.META.get("QUERY_STRING"):
        return  # most requests: nothing to take apart
    unknown = sorted(set(request.query_params) - set(known))
    refuse_if([FilterNotAllowed(pointer=f"?{name[:64]}") for name in unknown])
    repeated = [name for name, values in request.query_params.lists() if len(values) > 1]
    refuse_if([FieldInvalid(pointer=f"?{name}") for name in repeated])


def filter_queryset(
    filterset: type[django_filters.FilterSet], request: Request, queryset: QuerySet[M]
) -> QuerySet[M]:
    """The rows that the query parameters select.

    :raises Refusal: ``filter_not_allowed`` for unknown parameters, then ``field_invalid`` for
        values that a filter cannot read and ``string_invalid`` for a NUL.
    """
    rows: QuerySet[M] = _bind(filterset, request, queryset).qs
    return rows


def read_filters(filterset: type[django_filters.FilterSet], request: Request) -> dict[str, Any]:
    """What the query parameters ask for, by name; for lists that are read by a statement.

    :raises Refusal: as :func:`filter_queryset` does.
    """
    asked: dict[str, Any] = _bind(filterset, request, None).form.cleaned_data
    return asked


def _bind(
    filterset: type[django_filters.FilterSet], request: Request, queryset: QuerySet[Any] | None
) -> Any:
    require_known_parameters(request, *filterset.base_filters, *PARAMETERS)
    bound = filterset(request.query_params, queryset=queryset)
    may_be_empty = {
        name for name, one in filterset.base_filters.items() if getattr(one, "takes_empty", False)
    }
    faults: list[DomainError] = [
        StringInvalid(pointer=f"?{name}") if "\0" in value else FieldInvalid(pointer=f"?{name}")
        for name, value in request.query_params.items()
        if name != "cursor"
        and (not (value or name in may_be_empty) or len(value) > MAX_TEXT or "\0" in value)
    ]
    if not faults and not bound.is_valid():
        faults = [_not_readable(bound.filters[name], name) for name in bound.errors]
    refuse_if(faults)
    return bound


def _not_readable(one: django_filters.Filter, name: str) -> FieldInvalid:
    if isinstance(one, django_filters.ChoiceFilter):
        allowed = [code for code, _label in one.extra["choices"]]
        return FieldInvalid(pointer=f"?{name}", allowed=allowed)
    return FieldInvalid(pointer=f"?{name}")


def read_codes(request: Request, name: str) -> list[str]:
    """The codes of ``?sku=A,B,C``, in the order asked for.

    :raises FieldRequired, TooManyItems: none, or more than 100.
    :raises StringInvalid: for a NUL, which the database does not take.
    """
    require_known_parameters(request, name)
    text = request.query_params.get(name, "")
    if "\0" in text:
        raise StringInvalid(pointer=f"?{name}")
    codes = [code for code in text.split(",") if code]
    if not codes:
        raise FieldRequired(pointer=f"?{name}")
    if len(codes) > MAX_BATCH:
        raise TooManyItems(pointer=f"?{name}", maximum=MAX_BATCH)
    return codes
