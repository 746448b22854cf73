"""Readers of environment variables that refuse nonsense at start instead of failing later."""

from __future__ import annotations

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "true", "yes", "on"}
FALSE = {"", "0", "false", "no", "off"}


def read_text(name: str, default: str = "") -> str:
    """The variable's text without blanks around it."""
    return os.environ.get(name, default).strip()


def read_bool(name: str, *, default: bool = False) -> bool:
    """:raises ImproperlyConfigured: unless it is one of 1/0, true/false, yes/no, on/off."""
    value = read_text(name, "1" if default else "0").lower()
    if value in TRUE:
        return True
    if value in FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}")


def read_int(name: str, default: int) -> int:
    """:raises ImproperlyConfigured: unless it is a whole number."""
    value = read_text(name, str(default))
    try:
        return int(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}") from error


def read_list(name: str) -> list[str]:
    """Comma-separated values, without empty ones."""
    return [part.strip() for part in read_text(name).split(",") if part.strip()]


def read_path(name: str, default: Path) -> Path:
    """An absolute path."""
    return Path(read_text(name) or default).expanduser().resolve()


def require(name: str, why: str) -> str:
    """:raises ImproperlyConfigured: when the variable is missing or empty."""
    value = read_text(name)
    if not value:
        raise ImproperlyConfigured(f"{name} must be set: {why}")
    return value
