"""The database of the tests, and the cast that most of them play with."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import django
import pytest

from openplatform.core import embedded_postgres
from openplatform.core.environment import read_path, read_text

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "openplatform.settings")
os.environ.setdefault("LOG_LEVEL", "CRITICAL")
for limit in ("RATE_LIMIT_KEY", "RATE_LIMIT_PARTNER", "RATE_LIMIT_MISSING"):
    os.environ.setdefault(limit, "1000000")  # tests of the limits set their own
if not read_text("DATABASE_URL"):
    is_proof = "prove" in sys.argv  # `pytest -m prove` runs on a durable server, like production
    server = read_path("DATA_DIR", Path(__file__).parent.parent / ".data") / (
        "prove-postgres" if is_proof else "test-postgres"
    )
    embedded_postgres.ensure_running(server, durable=is_proof)
    os.environ["DATABASE_URL"] = embedded_postgres.url(server)

django.setup()

from django.conf import settings  # noqa: E402 - it needs the environment above
from django.test import TransactionTestCase  # noqa: E402
from django.utils import translation  # noqa: E402

from tests.database import empty_tables, ensure_template  # noqa: E402

settings.DATABASES["default"]["TEST"]["TEMPLATE"] = ensure_template(settings.DATABASE_URL)
# Django's own way empties every table and then makes all permissions anew.
TransactionTestCase._fixture_teardown = lambda _case: empty_tables()  # type: ignore[attr-defined] # private

settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # whitenoise warns of a missing one
# Pages name static files, which no test collects.
settings.STORAGES["staticfiles"] = {
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}
# Hashing that is slow on purpose is Django's; here it would only take its time.
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

from tests.cast import merchant, shop, stranger, world  # noqa: E402, F401 - they need Django


def pytest_collection_finish() -> None:
    """What was imported stays to the end: it need not be looked through again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


@pytest.fixture(scope="session", autouse=True)
def _keep_files_apart(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What tests store goes with them."""
    settings.MEDIA_ROOT = tmp_path_factory.mktemp("files")


@pytest.fixture(autouse=True)
def _speak_english() -> Iterator[None]:
    """A request leaves its language behind in the thread; what the next test reads is English."""
    with translation.override("en"):
        yield


@pytest.fixture(autouse=True)
def _forget_keys() -> Iterator[None]:
    """Keys and refusals of an earlier test must not meet this one's database."""
    from accounts.api.authentication import KEYS
    from openplatform.limits.api.limiter import REFUSALS

    KEYS.clear()
    REFUSALS.clear()
    yield
    KEYS.clear()
    REFUSALS.clear()
