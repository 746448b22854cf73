"""What the tests of uploads need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from openplatform.core.uploads import storage
from tests.cast import openapi_document

FOLDER = "samples"


@pytest.fixture
def rows() -> Iterator[set[str]]:
    """The names that rows of a made-up app hold; its folder is ``samples``."""
    names: set[str] = set()
    storage.register_folder(FOLDER, names.intersection)
    yield names
    del storage.FOLDERS[FOLDER]


@pytest.fixture
def files(settings: Settings, tmp_path: Path) -> Path:
    """A place for files of this test alone."""
    settings.MEDIA_ROOT = tmp_path / "files"
    return tmp_path / "files"


@pytest.fixture
def upload_urls(settings: Settings) -> None:
    """The endpoints of ``sample_urls`` in place of the platform's."""
    openapi_document()  # kept for all tests, so it is made while the platform's URLs are in place
    settings.ROOT_URLCONF = "tests.core.uploads.sample_urls"
