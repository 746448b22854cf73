"""Finds what rows name by code, and rows that come twice."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable

from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from openplatform.imports.resources import Importer, Row


class CodeLookup:
    """Ids by code of one model, read a chunk of rows at a time and remembered.

    :param by: the field that stands for the code.
    """

    def __init__(self, model: type[Model], *, by: str = "code") -> None:
        self._model = model
        self._by = by
        self._ids: dict[str, int] = {}

    def load(self, codes: Iterable[str]) -> None:
        """Read the codes that are not known yet."""
        missing = set(codes) - self._ids.keys()
        if missing:
            found = self._model._default_manager.filter(**{f"{self._by}__in": missing})
            self._ids.update(found.values_list(self._by, "pk"))

    def find(self, importer: Importer, row: Row, column: str, code: str) -> int | None:
        """The id; None, and a fault of the row, when there is none."""
        found = self._ids.get(code)
        if found is None:
            text = _("There is no %(what)s %(code)s") % {
                "what": self._model._meta.verbose_name,
                "code": code,
            }
            importer.refuse(row, column, text)
        return found

    def find_all(
        self, importer: Importer, row: Row, column: str, codes: Collection[str]
    ) -> list[int] | None:
        """All ids; None, and a fault for each, when any is missing."""
        found = [self.find(importer, row, column, code) for code in codes]
        ids = [found_id for found_id in found if found_id is not None]
        return ids if len(ids) == len(found) else None


class Repeats:
    """Notices that a file names the same thing twice."""

    def __init__(self) -> None:
        self._seen: dict[Hashable, int] = {}

    def refuse(self, importer: Importer, row: Row, column: str, key: Hashable) -> bool:
        """Whether the key came before, which is a fault of the row."""
        first = self._seen.setdefault(key, row.number)
        if first != row.number:
            importer.refuse(row, column, _("The same stands in row %(row)d") % {"row": first})
            return True
        return False
