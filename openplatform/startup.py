"""What every entry point (manage.py, wsgi, pytest) does before Django loads."""

from __future__ import annotations

import os

from openplatform.core import embedded_postgres
from openplatform.core.environment import read_text

# Whether this process found the embedded Postgres down and started it; run_platform --exit leaves
# things as they were.
has_started_postgres = False


def prepare() -> None:
    """Name the settings module, and start the embedded Postgres when no other one is named."""
    global has_started_postgres  # noqa: PLW0603 - set once, before anything else runs
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "openplatform.settings")
    if read_text("DATABASE_URL"):
        return
    from django.conf import settings

    if not settings.PRODUCTION:
        has_started_postgres = embedded_postgres.ensure_running(settings.EMBEDDED_POSTGRES)
