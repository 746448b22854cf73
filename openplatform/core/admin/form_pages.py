"""Pages with one form that calls one service.

Django wraps its own change views in a transaction; these pages stand outside of one, as services
must. A refusal of the domain is shown at its field, or above the form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from openplatform.core.admin.sent_once import FIELD, SentForm, new_token
from openplatform.core.errors import DomainError, type_of_text

Values = Mapping[str, Any]
TEMPLATE = "backoffice/form_page.html"


def faults_of(error: DomainError) -> Sequence[DomainError]:
    """All faults of a refusal; itself when it is a single one."""
    return error.faults or [error]


def answer_form_page(
    model_admin: Any,
    request: HttpRequest,
    *,
    form_class: Callable[..., forms.Form],
    title: type_of_text,
    submit: type_of_text,
    call: Callable[[Values], HttpResponse | type_of_text],
    back_to: str,
    initial: Values | None = None,
    subject: models.Model | None = None,
    intro: type_of_text = "",
    is_danger: bool = False,
    told_when_repeated: type_of_text = "",
    extra_context: Values | None = None,
) -> HttpResponse:
    """The page, or what became of it: on success a message and the way back.

    :param call: runs the service on the cleaned values; answers the message of success, or a
        response of its own.
    :param back_to: the URL to return to.
    :param told_when_repeated: given, ``call`` runs once for a form, however often that is sent;
        this is told from the second time on, on the page that ``back_to`` names in the context of
        the first one's answer. For pages that show a secret: to reload one is to send its form.
    """
    is_sent = request.method == "POST"
    form = form_class(request.POST, request.FILES) if is_sent else form_class(initial=initial)
    if is_sent and form.is_valid():
        try:
            if told_when_repeated:
                answer = _call_once(
                    request, call, form.cleaned_data, told=told_when_repeated, back_to=back_to
                )
            else:
                answer = call(form.cleaned_data)
        except DomainError as error:
            show_faults(form, error)
        else:
            if isinstance(answer, HttpResponse):
                return answer
            messages.success(request, str(answer))
            return HttpResponseRedirect(back_to)
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(
        request,
        TEMPLATE,
        {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.model._meta,
            "title": title,
            "form": form,
            "media": model_admin.media + form.media,
            "submit_text": submit,
            "back_to": back_to,
            "subject": subject,
            "intro": intro,
            "is_danger": is_danger,
            "once": (FIELD, new_token()) if told_when_repeated else None,
            **(extra_context or {}),
        },
    )


def _call_once(
    request: HttpRequest,
    call: Callable[[Values], HttpResponse | type_of_text],
    values: Values,
    *,
    told: type_of_text,
    back_to: str,
) -> HttpResponse | type_of_text:
    sent = SentForm(request)
    if not sent.claim():
        messages.warning(request, str(told))
        return HttpResponseRedirect(sent.find_made() or back_to)
    is_done = False
    try:
        answer = call(values)
        is_done = True
    finally:
        if not is_done:
            sent.release()
    if isinstance(answer, TemplateResponse):
        sent.note_made((answer.context_data or {}).get("back_to", back_to))
    return answer


def show_faults(form: forms.Form, error: DomainError) -> None:
    """Each fault at the field that it names, or above the form."""
    for fault in faults_of(error):
        field = next((part for part in fault.pointer.split("/") if part in form.fields), None)
        form.add_error(field, str(fault.detail))
