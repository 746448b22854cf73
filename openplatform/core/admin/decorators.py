"""Unfold's decorators for actions and columns, with types."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from unfold import decorators
from unfold.enums import ActionVariant

from openplatform.core.errors import type_of_text

F = TypeVar("F", bound=Callable[..., Any])


def action(
    *,
    description: type_of_text,
    permissions: Sequence[str],
    url_path: str | None = None,
    icon: str | None = None,
    is_primary: bool = False,
    is_danger: bool = False,
) -> Callable[[F], F]:
    """A button or list action.

    Somebody who may act, but not on a row in its state (a button of a page that is no longer
    true), is told the state on the row's page, where the admin has words for it: ``state_of_row``.

    :param permissions: each ``name`` asks the admin's ``has_<name>_permission``. Not full names
        (``accounts.add_topup``): unfold would look those up in the database whenever Django
        checks itself, before the first migration, too.
    """
    variant = ActionVariant.DEFAULT
    if is_primary:
        variant = ActionVariant.PRIMARY
    if is_danger:
        variant = ActionVariant.DANGER
    unfolds = decorators.action(
        description=description,
        permissions=list(permissions),
        url_path=url_path,
        icon=icon,
        variant=variant,
    )

    def decorate(function: F) -> F:
        acts: Callable[..., Any] = unfolds(function)

        @functools.wraps(acts)
        def act(model_admin: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            try:
                return acts(model_admin, request, *args, **kwargs)
            except PermissionDenied:
                key = kwargs.get("object_id")
                answer = _tell_state(model_admin, request, key, permissions, description)
                if answer is None:
                    raise
                return answer

        return cast(F, act)

    return decorate


def _tell_state(
    model_admin: Any,
    request: HttpRequest,
    key: Any,
    permissions: Sequence[str],
    act: type_of_text,
) -> HttpResponse | None:
    """Back to the row with its state; None when something else stands against the act."""
    rules = [getattr(model_admin, f"has_{name}_permission") for name in permissions]
    if key is None or not all(rule(request) for rule in rules):
        return None
    row = model_admin.get_object(request, str(key))
    state = model_admin.state_of_row(row) if row is not None else ""
    if not state or all(rule(request, key) for rule in rules):
        return None
    text = _("“%(act)s” is not possible in this state: %(state)s")
    messages.error(request, text % {"act": act, "state": state})
    page = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return HttpResponseRedirect(reverse(page, args=(row.pk,)))


def display(
    *,
    description: type_of_text,
    ordering: str | None = None,
    label: Mapping[str, str] | None = None,
    is_header: bool = False,
) -> Callable[[F], F]:
    """A column.

    :param label: shows a badge: from value to colour (``success``, ``warning``, ``danger``,
        ``info``); the column answers (value, text).
    :param is_header: the column answers two lines.
    """
    options: dict[str, Any] = {"description": description, "ordering": ordering}
    if label is not None:
        options["label"] = dict(label)
    if is_header:
        options["header"] = True
    return cast(Callable[[F], F], decorators.display(**options))
