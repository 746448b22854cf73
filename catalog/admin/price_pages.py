"""Pages that show what a change of prices would do before it is made.

The first POST shows it and writes nothing. One that carries the fingerprint of what was shown, and
the same values, does it; what asks for confirmation wants a box ticked as well. When something else
would be done by then, that is shown instead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import messages
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from catalog.errors import PreviewOutdated
from openplatform.core.admin.form_pages import faults_of
from openplatform.core.errors import DomainError, type_of_text

TEMPLATE = "backoffice/previewed_prices.html"
EXPECTED, VALUES, CONFIRMED = "expected", "values", "confirmed"


@dataclass(frozen=True, slots=True)
class Line:
    """A row of an example table: a SKU, cells, and what is odd about it."""

    sku: models.Model
    cells: Sequence[str]
    odd: Sequence[type_of_text] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """What a change would do.

    :param fingerprint: stands for it.
    :param numbers: how many SKUs of which kind.
    :param confirm: what has to be confirmed; empty when nothing is odd.
    :param heads: of the cells of ``lines``.
    :param related: a title with what else there is to know.
    """

    fingerprint: str
    numbers: Sequence[tuple[type_of_text, int]]
    confirm: type_of_text = ""
    heads: Sequence[type_of_text] = ()
    lines: Sequence[Line] = ()
    related_title: type_of_text = ""
    related: Sequence[type_of_text] = ()
    is_empty: bool = False


@dataclass(frozen=True, slots=True)
class PricePage:
    """A form, what its values would do, and doing it.

    :param act: does it, given the fingerprint of what was seen; answers the message of success.
    """

    form_class: Callable[..., Any]
    title: type_of_text
    submit: type_of_text
    look: Callable[[Any], Look]
    act: Callable[[Any, str], type_of_text]
    back_to: str
    initial: Mapping[str, Any] = field(default_factory=dict)
    subject: models.Model | str | None = None
    intro: type_of_text = ""


def answer_price_page(model_admin: Any, request: HttpRequest, page: PricePage) -> HttpResponse:
    """The form, what it would do, or on success a message and the way back."""
    if request.method != "POST":
        return _respond(model_admin, request, page, page.form_class(initial=page.initial))
    form = page.form_class(request.POST)
    is_unconfirmed = False
    if not form.is_valid():
        return _respond(model_admin, request, page, form)
    try:
        look = page.look(form)
        if request.POST.get(VALUES) == _digest(request, form):
            if request.POST.get(EXPECTED) != look.fingerprint:
                messages.warning(request, str(PreviewOutdated.title))
            elif look.confirm and CONFIRMED not in request.POST:
                is_unconfirmed = True
            elif not look.is_empty:
                messages.success(request, str(page.act(form, look.fingerprint)))
                return HttpResponseRedirect(page.back_to)
    except PreviewOutdated as error:
        messages.warning(request, str(error.detail))
        look = page.look(form)
    except DomainError as error:
        for fault in faults_of(error):
            name = next((part for part in fault.pointer.split("/") if part in form.fields), None)
            form.add_error(name, str(fault.detail))
        return _respond(model_admin, request, page, form)
    return _respond(model_admin, request, page, form, look, is_unconfirmed=is_unconfirmed)


def _digest(request: HttpRequest, form: forms.Form) -> str:
    """Stands for what was filled in."""
    digest = hashlib.sha256()
    for name in sorted(request.POST):
        if name.partition("_0")[0] in form.fields or name.partition("_1")[0] in form.fields:
            digest.update(f"{name}={request.POST.getlist(name)}\n".encode())
    return digest.hexdigest()


def _respond(
    model_admin: Any,
    request: HttpRequest,
    page: PricePage,
    form: forms.Form,
    look: Look | None = None,
    *,
    is_unconfirmed: bool = False,
) -> HttpResponse:
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(
        request,
        TEMPLATE,
        {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.model._meta,
            "title": page.title,
            "form": form,
            "media": model_admin.media + form.media,
            "submit_text": page.submit,
            "back_to": page.back_to,
            "subject": page.subject,
            "intro": page.intro,
            "look": look,
            "is_unconfirmed": is_unconfirmed,
            "values": _digest(request, form) if look else "",
        },
    )
