"""Pages that show what an act would do to pools and merchants before it is done.

A first POST shows the preview and writes nothing. The second carries the preview's fingerprint;
when something else would be done by then, the new numbers are shown instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import messages
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner
from catalog.errors import PreviewOutdated
from catalog.models import Sku
from catalog.selectors.pools import Act
from catalog.services.curating import Preview
from openplatform.core.admin.form_pages import Values, faults_of
from openplatform.core.errors import DomainError, type_of_text

EXPECTED = "expected"
TEMPLATE = "backoffice/previewed_page.html"
MAX_MERCHANTS = 100
MAX_EXAMPLES = 10
MAX_UNKNOWN = 50

LABELS: dict[str, type_of_text] = {
    "picked": _("Come in by hand"),
    "brought": _("Come in by a rule"),
    "left": _("Leave the pool"),
    "kept": _("Are in it by a rule, and by hand from now on"),
    "excluded": _("Are excluded from now on"),
    "readmitted": _("Are no longer excluded"),
    "barred": _("Stay out, because they are excluded"),
    "partners_added": _("Partners that the pool is opened to"),
    "partners_removed": _("Partners that the pool is closed to"),
}
UNCHANGED: dict[Act, type_of_text] = {
    Act.TAKE_IN: _("Were in it already"),
    Act.TAKE_OUT: _("Were not in it"),
    Act.EXCLUDE: _("Were excluded already"),
    Act.READMIT: _("Were not excluded"),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A preview, and what the page says besides.

    :param carried: hidden fields in the place of those that were filled in; an empty one leaves
        its field out.
    """

    preview: Preview
    act: Act | None = None
    unknown: Sequence[str] = ()
    carried: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PreviewedAct:
    """What a page does: a form, what its values would do, and doing it.

    :param look: the preview of the form's values.
    :param act: does it, given the fingerprint of what was seen; answers what was done.
    :param done: tells what was done.
    """

    form_class: Callable[..., forms.Form]
    title: type_of_text
    submit: type_of_text
    look: Callable[[Values], Shown]
    act: Callable[[Values, str], Preview]
    done: Callable[[Preview], type_of_text]
    back_to: str
    initial: Values = field(default_factory=dict)
    subject: models.Model | None = None
    intro: type_of_text = ""


def answer_previewed(model_admin: Any, request: HttpRequest, page: PreviewedAct) -> HttpResponse:
    """The form, the preview, or on success a message and the way back."""
    if request.method != "POST":
        return _respond(model_admin, request, page, page.form_class(initial=page.initial))
    form = page.form_class(request.POST, request.FILES)
    if not form.is_valid():
        return _respond(model_admin, request, page, form)
    try:
        if EXPECTED in request.POST:
            done = page.act(form.cleaned_data, request.POST[EXPECTED])
            messages.success(request, str(page.done(done)))
            return HttpResponseRedirect(page.back_to)
        shown = page.look(form.cleaned_data)
    except PreviewOutdated as error:
        messages.warning(request, str(error.detail))
        shown = page.look(form.cleaned_data)
    except DomainError as error:
        for fault in faults_of(error):
            name = next((part for part in fault.pointer.split("/") if part in form.fields), None)
            form.add_error(name, str(fault.detail))
        return _respond(model_admin, request, page, form)
    return _respond(model_admin, request, page, form, shown)


def _respond(
    model_admin: Any,
    request: HttpRequest,
    page: PreviewedAct,
    form: forms.Form,
    shown: Shown | None = None,
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
            "again": request.get_full_path(),
            "subject": page.subject,
            "intro": page.intro,
            **(_context_of(request, form, shown) if shown else {}),
        },
    )


def _context_of(request: HttpRequest, form: forms.Form, shown: Shown) -> dict[str, Any]:
    preview = shown.preview
    partners = Partner.objects.in_bulk(preview.merchants)
    merchants = sorted(
        ((partners[pk], gains, loses) for pk, (gains, loses) in preview.merchants.items()),
        key=lambda row: (-row[1] - row[2], row[0].code),
    )
    return {
        "preview": preview,
        "numbers": _numbers(shown),
        "unknown": shown.unknown[:MAX_UNKNOWN],
        "more_unknown": max(len(shown.unknown) - MAX_UNKNOWN, 0),
        "merchants": merchants[:MAX_MERCHANTS],
        "more_merchants": max(len(merchants) - MAX_MERCHANTS, 0),
        "examples": _examples(preview),
        "hidden": [*_carried(request, form, shown), (EXPECTED, preview.fingerprint)],
    }


def _numbers(shown: Shown) -> list[tuple[type_of_text, int]]:
    numbers = shown.preview.numbers
    rows = [(label, numbers[name]) for name, label in LABELS.items() if numbers.get(name)]
    if shown.act is not None and numbers["unchanged"]:
        rows.append((UNCHANGED[shown.act], numbers["unchanged"]))
    if shown.unknown:
        rows.append((_("Codes that do not exist"), len(shown.unknown)))
    return rows


def _examples(preview: Preview) -> list[tuple[type_of_text, list[Sku], int]]:
    first = {name: ids[:MAX_EXAMPLES] for name, ids in preview.skus.items() if ids}
    skus = Sku.objects.only("code", "name").in_bulk({pk for ids in first.values() for pk in ids})
    return [
        (LABELS[name], [skus[pk] for pk in ids if pk in skus], len(preview.skus[name]) - len(ids))
        for name, ids in first.items()
    ]


def _carried(request: HttpRequest, form: forms.Form, shown: Shown) -> list[tuple[str, str]]:
    """What was filled in, so that it comes again with the confirmation."""
    return [
        *(
            (name, value)
            for name in form.fields
            if name not in shown.carried
            for value in request.POST.getlist(name)
        ),
        *((name, value) for name, value in shown.carried.items() if value),
    ]
