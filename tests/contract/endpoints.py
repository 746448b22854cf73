"""Every operation of the partner API, as Django's URL resolver knows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

PREFIX = "api/v1/"
METHODS = ("get", "post", "put", "patch", "delete")
CALLBACKS = "api/v1/callbacks/"  # whom providers call: signed, no keys, no part of the document


@dataclass(frozen=True)
class Endpoint:
    """A method of a route with its view. ``path`` is written as in the OpenAPI document."""

    path: str
    methods: tuple[str, ...]
    name: str
    view: type[Any]

    @property
    def app(self) -> str:
        """The app that the view lives in, without ``openplatform.``."""
        return self.view.__module__.partition(".api")[0].rpartition(".")[2]

    def __str__(self) -> str:
        return f"{' '.join(self.methods).upper()} {self.path}"


def list_endpoints() -> list[Endpoint]:
    """All of them, in the order of the URLs; callbacks of providers are none."""
    return [entry for entry in _list_all() if not entry.path.startswith(f"/{CALLBACKS}")]


def list_callbacks() -> list[Endpoint]:
    """Where providers call us."""
    return [entry for entry in _list_all() if entry.path.startswith(f"/{CALLBACKS}")]


def _list_all() -> list[Endpoint]:
    return list(_walk(get_resolver().url_patterns, ""))


def _walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[Endpoint]:
    for entry in patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _walk(entry.url_patterns, route)
        elif route.startswith(PREFIX):
            path = "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)
            methods, view = _view_of(entry)
            yield Endpoint(path, methods, entry.name or "", view)


def _view_of(pattern: URLPattern) -> tuple[tuple[str, ...], type[Any]]:
    view: type[Any] = getattr(pattern.callback, "cls", type(None))
    # A route with an operation for each method is named once for each of them.
    for method, part in getattr(view, "by_method", {}).items():
        if part.operation == (pattern.name or "").replace("-", "_"):
            return (method.lower(),), part
    return tuple(method for method in METHODS if hasattr(view, method)), view
