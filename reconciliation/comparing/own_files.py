"""Our own statements, sent back to us: their workbooks name kinds as people read them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from django.conf import settings
from django.utils import translation

from reconciliation.files.rows import CAPTIONS, COLUMNS, KINDS


def list_own_kinds(cells: Sequence[str]) -> Mapping[str, str]:
    """What kinds are called below a head: title to kind, the parts of payments among them. Empty
    unless the head is that of a statement of ours, in any language: elsewhere “Freight” may be a
    movement of its own.
    """
    for language, _name in settings.LANGUAGES:
        captions, kinds = _titles_in(language)
        if list(cells[: len(captions)]) == captions:
            return kinds
    return {}


@functools.cache
def _titles_in(language: str) -> tuple[list[str], dict[str, str]]:
    with translation.override(language):
        captions = [str(CAPTIONS[column]) for column in COLUMNS]
        return captions, {str(title): kind for kind, title in KINDS.items()}
