"""Pages that show what an act would do before it is done.

The first POST shows it and writes nothing. One that carries the fingerprint of what was shown, and
the same values, does it; what asks for confirmation wants a box ticked as well. When something else
would be done by then, that is shown instead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from catalog.errors import PreviewOutdated
from openplatform.core.admin.form_pages import show_faults
from openplatform.core.errors import DomainError, type_of_text

EXPECTED, VALUES, CONFIRMED = "expected", "values", "confirmed"

Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What an act would do.

    :param fingerprint: stands for it.
    :param confirm: what has to be confirmed; empty when nothing is odd.
    :param carried: fields in the place of those that were filled in, to come again with the
        confirmation; an empty one leaves its field out.
    :param context: what the template says of it.
    """

    fingerprint: str
    is_empty: bool = False
    confirm: type_of_text = ""
    is_unconfirmed: bool = False
    carried: Mapping[str, str] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewedAct:
    """A form, what its values would do, and doing it. Each kind of act has a template.

    :param look: of the form, which is valid.
    :param act: does it, given the fingerprint of what was seen; answers the message of success.
    """

    template: ClassVar[str]
    may_ask: ClassVar[bool] = False  # whether something may have to be confirmed

    form_class: Callable[..., Any]
    title: type_of_text
    submit: type_of_text
    look: Callable[[Any], Look]
    act: Callable[[Any, str], type_of_text]
    back_to: str
    initial: Mapping[str, Any] = field(default_factory=dict)
    subject: models.Model | None = None
    intro: type_of_text = ""
    outdated: type_of_text = PreviewOutdated.title  # what is told when something else would be done


def answer_previewed(model_admin: Any, request: HttpRequest, page: PreviewedAct) -> HttpResponse:
    """The form, what it would do, or on success a message and the way back."""
    if request.method != "POST":
        return _respond(model_admin, request, page, page.form_class(initial=page.initial))
    form = page.form_class(request.POST, request.FILES)
    look = None
    if form.is_valid():
        try:
            look = _look_or_act(request, page, form)
        except DomainError as error:
            show_faults(form, error)
        else:
            if look is None:
                return HttpResponseRedirect(page.back_to)
    return _respond(model_admin, request, page, form, look)


def _look_or_act(request: HttpRequest, page: PreviewedAct, form: forms.Form) -> Look | None:
    """What is to be looked at first; None when it is done."""
    if request.POST.get(VALUES) != _digest(_sent(request, form)):
        return page.look(form)
    expected = request.POST.get(EXPECTED, "")
    try:
        if page.may_ask and CONFIRMED not in request.POST:
            look = page.look(form)
            if look.fingerprint != expected:
                raise PreviewOutdated(page.outdated)
            if look.confirm:
                return replace(look, is_unconfirmed=True)
        messages.success(request, str(page.act(form, expected)))
    except PreviewOutdated as error:
        messages.warning(request, str(error.detail))
        return page.look(form)
    return None


def _sent(request: HttpRequest, form: forms.Form) -> Fields:
    """What was filled in; a moment comes as two fields."""
    return [
        (part, value)
        for name in form.fields
        for part in (name, f"{name}_0", f"{name}_1")
        for value in request.POST.getlist(part)
    ]


def _digest(fields: Fields) -> str:
    return hashlib.sha256(repr(sorted(fields)).encode()).hexdigest()


def _respond(
    model_admin: Any,
    request: HttpRequest,
    page: PreviewedAct,
    form: forms.Form,
    look: Look | None = None,
) -> HttpResponse:
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(
        request,
        page.template,
        {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.model._meta,
            "title": page.title,
            "form": form,
            "media": model_admin.media + form.media,
            "submit_text": page.submit,
            "back_to": page.back_to,
            "again": request.get_full_path(),
            "subject": page.subject,
            "intro": page.intro,
            "look": look,
            **(_context_of(look, _sent(request, form)) if look else {}),
        },
    )


def _context_of(look: Look, sent: Fields) -> Mapping[str, Any]:
    kept = [(name, value) for name, value in sent if name not in look.carried]
    fields = [*kept, *((name, value) for name, value in look.carried.items() if value)]
    values = _digest(fields)
    return {
        **look.context,
        "is_unconfirmed": look.is_unconfirmed,
        "values": values,
        "hidden": [*fields, (EXPECTED, look.fingerprint), (VALUES, values)],
    }
