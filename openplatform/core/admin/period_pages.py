"""Pages on a period: a form that stands in the address, what it finds, and files of that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

from django import forms
from django.db import OperationalError, connection, transaction
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from openplatform.core.clock import YEARS
from openplatform.core.errors import type_of_text
from openplatform.core.locking import QUERY_CANCELED, sqlstate_of

MAX_DAYS = 366
PERIODS = (7, 30, 90, 365)  # days up to today, to choose by a click


class TookTooLong(Exception):
    """The database needs more time than anybody waits for a page."""


@contextmanager
def patiently(settings: str) -> Iterator[None]:
    """A transaction with a time limit of its own.

    :param settings: statements that set it, for this transaction only.
    :raises TookTooLong: when it takes longer.
    """
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(settings)
            yield
    except OperationalError as error:
        if sqlstate_of(error) != QUERY_CANCELED:
            raise
        raise TookTooLong from error


def require_days(form: forms.Form, values: Mapping[str, Any], first: str, last: str) -> None:
    """Of a form: that two of its fields, both filled in, are a period of at most 366 days.

    A day that no calendar of ours has is told at its field, what else is wrong at the last day.
    """
    start, end = values.get(first), values.get(last)
    if start is None or end is None:
        return
    strange = [name for name in (first, last) if values[name].year not in YEARS]
    for name in strange:
        form.add_error(name, _("There is no such time"))
    if strange:
        return
    if end < start:
        form.add_error(last, _("The end is before the beginning"))
    elif (end - start).days >= MAX_DAYS:
        form.add_error(last, _("At most %(days)d days at once") % {"days": MAX_DAYS})


def asked_of(request: HttpRequest, at_first: Mapping[str, str], *others: str) -> dict[str, Any]:
    """The form's values.

    :param at_first: those of what nobody names.
    :param others: fields that may stay empty.
    """
    names = (*at_first, *others)
    return {**at_first, **{name: request.GET[name] for name in names if name in request.GET}}


def answer_period_page(
    model_admin: Any,
    request: HttpRequest,
    template: str,
    *,
    title: type_of_text,
    icon: str,
    form: forms.Form,
    context: Mapping[str, Any],
) -> TemplateResponse:
    """The page, whose template extends ``backoffice/period_page.html``.

    :param icon: of the button that shows what the form asks for.
    :param context: ``periods`` or ``months`` to choose by a click, ``workbook`` to download, and
        what was found.
    """
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(
        request,
        template,
        {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.model._meta,
            "title": title,
            "icon": icon,
            "form": form,
            "media": model_admin.media + form.media,
            **context,
        },
    )


def link_to_days(request: HttpRequest, **days: date) -> str:
    """The page for other days, and else for the same.

    :param days: by the names of their fields.
    """
    asked = request.GET.copy()
    for name in ("file", "table"):
        asked.pop(name, None)
    for name, day in days.items():
        asked[name] = day.isoformat()
    return f"?{asked.urlencode()}"


def link_to_file(request: HttpRequest, file: str, table: str = "") -> str:
    """A file of what the page shows.

    :param table: the only one in it.
    """
    asked = request.GET.copy()
    asked["file"] = file
    if table:
        asked["table"] = table
    return f"?{asked.urlencode()}"
