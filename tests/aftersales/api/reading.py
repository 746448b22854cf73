"""What refusals say."""

from __future__ import annotations

from typing import Any


def refused(response: Any) -> tuple[int, str, list[tuple[str, str]]]:
    """Status, code, and what is at fault."""
    body = response.json()
    return (
        response.status_code,
        body["code"],
        [(fault["pointer"], fault["code"]) for fault in body["errors"]],
    )
