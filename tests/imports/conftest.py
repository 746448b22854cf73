from __future__ import annotations

from tests.imports.files import desk  # noqa: F401 - a fixture
from tests.imports.odd import odd_resource  # noqa: F401 - a fixture
