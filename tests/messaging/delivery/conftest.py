from __future__ import annotations

import pytest
from django.conf import LazySettings

from tests.cast import Merchant, make_merchant


@pytest.fixture(autouse=True)
def _loopback_is_open(settings: LazySettings) -> None:
    settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1"]
    settings.WEBHOOK_TIMEOUT = 5.0


@pytest.fixture
def acme(db: None) -> Merchant:
    """A merchant without goods."""
    return make_merchant("acme")
