"""SKUs by words: in name, code, barcode or brand, inside of other words, too.

Capitals and small letters are the same to a search, and so are full-width and half-width letters
and digits (Unicode's NFKC): the database folds what is searched and what is asked alike. Several
words, divided by blanks, must all be there, each anywhere. The index knows every character and
every pair of neighbours (``catalog_grams``), so it finds Chinese words without knowing where they
begin; what it finds is then compared with the words themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from catalog.models import Sku
from openplatform.core.statements import send

# For statements that have a `sku` in scope: whether it has all the words, looked up for one row
# after the other; and the same by the index, for those that have nothing better to begin with.
HAS_WORDS = """(
    SELECT search.words LIKE ALL(%(patterns)s::text[]) FROM catalog_skusearch search
    WHERE search.sku_id = sku.id
)"""
FOUND = """
    SELECT search.sku_id FROM catalog_skusearch search
    WHERE catalog_grams(search.words) @> %(grams)s::text[]
        AND search.words LIKE ALL(%(patterns)s::text[])
"""
IS_FOUND = f"sku.id IN ({FOUND})"

WILDCARDS = {ord(sign): f"\\{sign}" for sign in "\\%_"}


@dataclass(frozen=True, slots=True)
class Question:
    """Words that are looked for, as the statements take them. Without words it has everything."""

    patterns: tuple[str, ...] = ()
    grams: tuple[str, ...] = ()

    def parameters(self) -> dict[str, list[str]]:
        """What the conditions refer to."""
        return {"grams": list(self.grams), "patterns": list(self.patterns)}


def read_question(text: str) -> Question:
    """The words of a text; ``%``, ``_`` and ``\\`` stand for themselves."""
    if not text.strip():
        return Question()
    folded = send("SELECT catalog_fold(%s)", [text]).row()
    assert folded is not None  # noqa: S101 - a SELECT without FROM has one row
    words = dict.fromkeys(folded[0].split())
    return Question(
        patterns=tuple(f"%{word.translate(WILDCARDS)}%" for word in words),
        grams=tuple(dict.fromkeys(gram for word in words for gram in _grams(word))),
    )


def _grams(word: str) -> list[str]:
    """What the index has of it: pairs of neighbours, or the only character."""
    return [word[place : place + 2] for place in range(len(word) - 1)] or [word]


def search_skus(queryset: QuerySet[Sku], text: str) -> QuerySet[Sku]:
    """The rows that have all words of the text; all rows when it has none."""
    question = read_question(text)
    if not question.patterns:
        return queryset
    parameters = question.parameters()
    statement = FOUND.replace("%(grams)s", "%s").replace("%(patterns)s", "%s")
    found = RawSQL(statement, list(parameters.values()))  # noqa: S611 - a constant with parameters
    return queryset.filter(pk__in=found)
