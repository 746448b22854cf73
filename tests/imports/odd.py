"""A resource with warnings: categories, of which names of one letter are odd."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from catalog.imports.categories import CATEGORIES, CategoryImporter
from openplatform.imports.resources import RESOURCES, Resource, Row, register

NAME = "odd-categories"


class OddCategoryImporter(CategoryImporter):
    """Warns of short names, in an order that is not the file's."""

    def take(self, rows: Sequence[Row]) -> None:
        for row in reversed(rows):
            if len(row.values["name"]) == 1:
                self.warn(row, "name", f"{row.values['name']} is short", "name_is_short")
        super().take(rows)


@pytest.fixture
def odd_resource() -> Iterator[str]:
    """The name of the resource, as long as it is registered."""
    register(
        Resource(
            name=NAME,
            label="Odd categories",
            columns=CATEGORIES.columns,
            importer=OddCategoryImporter,
            permissions=("catalog.change_category",),
        )
    )
    yield NAME
    RESOURCES.pop(NAME, None)
