"""What every entry point (manage.py, wsgi, pytest) does before Django loads."""

from __future__ import annotations

import os
from collections.abc import Sequence

from openplatform.core import embedded_postgres
from openplatform.core.environment import read_text

# Whether this process found the embedded Postgres down and started it; run_platform --exit leaves
# things as they were.
has_started_postgres = False


# Commands of Django and of the packages that we install that read no row.
WITHOUT_DATABASE = frozenset({
    "check", "collectstatic", "compilemessages", "diffsettings", "findstatic", "help",
    "makemessages", "spectacular", "startapp", "startproject", "version",
})  # fmt: skip


def needs_database(arguments: Sequence[str]) -> bool:
    """Whether a command line, its program first, is one of a command that may ask the database."""
    command = arguments[1] if len(arguments) > 1 else "help"
    if command in WITHOUT_DATABASE:
        # A check of a database, which has to be named, is another matter.
        return any(one.startswith("--database") for one in arguments)
    return not command.startswith("-") and not {"-h", "--help"}.intersection(arguments)


def name_settings() -> None:
    """Name the settings module."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "openplatform.settings")


def prepare() -> None:
    """Name the settings module, and start the embedded Postgres when no other one is named."""
    global has_started_postgres  # noqa: PLW0603 - set once, before anything else runs
    name_settings()
    if read_text("DATABASE_URL"):
        return
    from django.conf import settings

    if not settings.PRODUCTION:
        has_started_postgres = embedded_postgres.ensure_running(settings.EMBEDDED_POSTGRES)
