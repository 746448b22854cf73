"""Readers of environment variables that refuse nonsense at start instead of failing later."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from decimal import Decimal
from email.utils import parseaddr
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

TRUE = {"1", "true", "yes", "on"}
FALSE = {"", "0", "false", "no", "off"}
MAX_SECONDS = 30 * 24 * 3600


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


def read_int(name: str, default: int, *, minimum: int | None = None) -> int:
    """:raises ImproperlyConfigured: unless it is a whole number, and not under the minimum."""
    value = read_text(name, str(default))
    try:
        number = int(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}") from error
    if minimum is not None and number < minimum:
        raise ImproperlyConfigured(f"{name} must be {minimum} or more, not {number}")
    return number


def read_amount(name: str, default: str) -> Decimal:
    """:raises ImproperlyConfigured: unless it is an amount of money, not negative."""
    value = read_text(name, default)
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,2})?", value, re.ASCII):
        raise ImproperlyConfigured(f"{name} must be an amount such as 10000.00, not {value!r}")
    return Decimal(value)


def read_seconds(name: str, default: str) -> list[float]:
    """Comma-separated times in seconds, at least one; parts of a second are allowed.

    :raises ImproperlyConfigured: unless all are numbers, not negative, and not above 30 days.
    """
    value = read_text(name, default) or default
    parts = [part.strip() for part in value.split(",")]
    is_sane = all(re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,3})?", part, re.ASCII) for part in parts)
    if not is_sane or any(float(part) > MAX_SECONDS for part in parts):
        raise ImproperlyConfigured(
            f"{name} must be numbers of seconds such as 0,5,300, not {value!r}"
        )
    return [float(part) for part in parts]


def read_choice(name: str, choices: Sequence[str], default: str) -> str:
    """:raises ImproperlyConfigured: unless it is one of the choices."""
    value = read_text(name, default) or default
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}")
    return value


def read_mailbox(name: str, default: str) -> str:
    """A mail address, with or without a name before it: ``Open Platform <mail@example.com>``.

    :raises ImproperlyConfigured: unless it is one.
    """
    value = read_text(name, default) or default
    try:
        validate_email(parseaddr(value)[1] if value.isprintable() else "")
    except ValidationError as error:
        raise ImproperlyConfigured(f"{name} must be a mail address, not {value!r}") from error
    return value


def read_header(name: str, default: str) -> str:
    """The name of an HTTP header, as WSGI calls it: ``HTTP_X_FORWARDED_FOR``.

    :raises ImproperlyConfigured: unless it is made of letters, digits and hyphens.
    """
    value = read_text(name, default)
    if not re.fullmatch("[A-Za-z0-9-]{1,64}", value, re.ASCII):
        raise ImproperlyConfigured(f"{name} must be the name of a header, not {value!r}")
    return f"HTTP_{value.upper().replace('-', '_')}"


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
