"""Reads of the address library."""

from __future__ import annotations

import re
from typing import Any

from django.db.models import QuerySet

from openplatform.core.errors import NotFound
from openplatform.core.statements import send
from openplatform.regions.index import RegionIndex, get_index
from openplatform.regions.models import MAX_CODE_LENGTH, Region, RegionLibrary
from openplatform.regions.resolving import Candidate, resolve

# Asked for with every address that is resolved: a plain statement.
VERSION = "SELECT version FROM regions_regionlibrary ORDER BY id LIMIT 1"
CODE = re.compile(rf"[0-9]{{1,{MAX_CODE_LENGTH}}}", re.ASCII)


def get_region(*, code: str) -> Region:
    """The place with this code, a retired one too; with its successor.

    :raises NotFound: when there is none, or the text is not a code at all.
    """
    region = (
        Region.objects.select_related("successor").filter(code=code).first()
        if CODE.fullmatch(code)
        else None
    )
    if region is None:
        raise NotFound
    return region


def list_children(*, parent: str | None) -> QuerySet[Region]:
    """The places directly below ``parent``, the provinces for None, by code; no retired ones.

    Below a retired place lies what lies below its successor.

    :raises NotFound: when there is no place with the code ``parent``.
    """
    if parent is not None:
        region = get_region(code=parent)
        parent = region.successor_in_use or region.code
    return Region.objects.filter(parent=parent, is_retired=False).order_by("code")


def get_library_version() -> str:
    """The version of the library that is loaded.

    :raises NotFound: before the first load.
    """
    row = send(VERSION).row()
    if row is None:
        raise NotFound
    version: str = row[0]
    return version


def get_library() -> RegionLibrary:
    """The library that is loaded, with its file.

    :raises NotFound: before the first load.
    """
    library = RegionLibrary.objects.first()
    if library is None:
        raise NotFound
    return library


def resolve_region(*, text: str) -> dict[str, Any]:
    """``POST /regions/resolve``: the places that an address may mean, best first.

    The index of names is kept in memory; one statement tells whether it is still that of the
    library that is loaded.

    :raises NotFound: before the first load.
    """
    index = get_index(get_library_version())
    return {
        "version": index.version,
        "results": [_candidate(index, candidate) for candidate in resolve(index, text)],
    }


def _candidate(index: RegionIndex, candidate: Candidate) -> dict[str, Any]:
    return {
        "code": index.codes[candidate.place],
        "path": [
            {"code": index.codes[place], "name": index.names[place], "level": index.levels[place]}
            for place in index.path(candidate.place)
        ],
        "confidence": candidate.confidence,
    }
