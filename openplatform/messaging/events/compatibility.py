"""What a schema may become without a new version: a field more, and other texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Schema = Mapping[str, Any]
# What says nothing of what is valid.
TEXTS = frozenset({"$schema", "title", "description", "examples"})
MISSING = "missing"
UNORDERED = frozenset({"enum", "type"})


class Break(NamedTuple):
    """A difference that a reader of the old form may stumble over.

    ``before`` and ``after`` are what the two schemas say at ``at``.
    """

    at: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.at}: was {self.before!r}, would be {self.after!r}"


def list_breaks(before: Schema, after: Schema) -> list[Break]:
    """Everything in which ``after`` is more than ``before`` with additional properties."""
    return list(_compare(before, after, ""))


def _compare(before: Any, after: Any, at: str) -> Iterator[Break]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _compare_schemas(before, after, at)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _compare(one, other, f"{at}/{index}")
    elif before != after or isinstance(before, bool) != isinstance(after, bool):
        yield Break(at or "/", before, after)


def _compare_schemas(before: Schema, after: Schema, at: str) -> Iterator[Break]:
    known = before.get("properties", {})
    for name in sorted((before.keys() | after.keys()) - TEXTS - {"properties", "required"}):
        yield from _compare(
            _ordered(name, before.get(name, MISSING)),
            _ordered(name, after.get(name, MISSING)),
            f"{at}/{name}",
        )
    for name, schema in known.items():
        now = after.get("properties", {}).get(name, MISSING)
        yield from _compare(schema, now, f"{at}/properties/{name}")
    was, is_now = set(before.get("required", ())), set(after.get("required", ()))
    for name in sorted((was ^ is_now) & known.keys()):
        if name in after.get("properties", {}):
            texts = {True: "required", False: "optional"}
            yield Break(f"{at}/properties/{name}", texts[name in was], texts[name in is_now])


def _ordered(keyword: str, value: Any) -> Any:
    return sorted(value, key=str) if keyword in UNORDERED and isinstance(value, list) else value
