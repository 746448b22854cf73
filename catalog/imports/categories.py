"""Categories: a tree by parents, in any order."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from catalog.imports.lookups import Repeats
from catalog.services.categories import CategoryDraft, save_categories
from openplatform.core.errors import Refusal
from openplatform.imports.parsers import parse_code, text_of
from openplatform.imports.resources import Column, Context, Importer, Resource, Row


class CategoryImporter(Importer):
    """Holds all rows, since a parent may stand below its children. A blank parent is the root;
    without the column, known categories stay where they are."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._repeats = Repeats()
        self._drafts: list[CategoryDraft] = []
        self._numbers: list[int] = []

    def take(self, rows: Sequence[Row]) -> None:
        for row in rows:
            code = row.values["code"]
            if not self._repeats.refuse(self, row, "code", code):
                self._numbers.append(row.number)
                self._drafts.append(
                    CategoryDraft(
                        code=code,
                        name=row.values["name"],
                        parent=row.get("parent"),
                        keeps_parent="parent" not in self.context.columns,
                    )
                )

    def finish(self) -> None:
        try:
            outcome = save_categories(drafts=self._drafts, now=self.context.now)
        except Refusal as refusal:
            self.refuse_items(self._numbers, refusal)
        else:
            self.context.count(**outcome._asdict())


CATEGORIES = Resource(
    name="categories",
    label=_("Categories"),
    columns=(
        Column(
            "code",
            parse_code,
            is_required=True,
            help=_("1 to 64 letters, digits, dots, hyphens or underscores; case counts"),
        ),
        Column("name", text_of(120), is_required=True, help=_("Its name")),
        Column(
            "parent",
            parse_code,
            help=_("Code of the category above it; empty at the root"),
        ),
    ),
    importer=CategoryImporter,
    permissions=("catalog.add_category", "catalog.change_category"),
)
