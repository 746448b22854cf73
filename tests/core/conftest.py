"""What the tests of the core need."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from tests.cast import openapi_document


@pytest.fixture
def sample_urls(settings: Settings) -> None:
    """The endpoints of ``sample_urls`` in place of the platform's."""
    openapi_document()  # kept for all tests, so it is made while the platform's URLs are in place
    settings.ROOT_URLCONF = "tests.core.sample_urls"
