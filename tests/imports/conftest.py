from __future__ import annotations

from tests.imports.files import desk  # noqa: F401 - a fixture
