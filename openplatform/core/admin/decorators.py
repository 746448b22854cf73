"""Unfold's decorators for actions and columns, with types."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

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

    :param permissions: each ``name`` asks the admin's ``has_<name>_permission``. Not full names
        (``accounts.add_topup``): unfold would look those up in the database whenever Django
        checks itself, before the first migration, too.
    """
    variant = ActionVariant.DEFAULT
    if is_primary:
        variant = ActionVariant.PRIMARY
    if is_danger:
        variant = ActionVariant.DANGER
    return cast(
        Callable[[F], F],
        decorators.action(
            description=description,
            permissions=list(permissions),
            url_path=url_path,
            icon=icon,
            variant=variant,
        ),
    )


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
