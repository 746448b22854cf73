"""The address library of these tests."""

from __future__ import annotations

import pytest

from openplatform.regions.models import RegionLibrary
from tests.sample_regions import load_sample_regions


@pytest.fixture
def regions(db: None) -> RegionLibrary:
    """17 places, loaded from a file."""
    return load_sample_regions()
