"""The platform's own settings, with the one endpoint."""

from __future__ import annotations

from openplatform.settings import *  # noqa: F403 - all of them but one

ROOT_URLCONF = "tests.bench.unguarded.urls"
