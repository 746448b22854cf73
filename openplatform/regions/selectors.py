"""Reads of the address library."""

from __future__ import annotations

import re

from django.db.models import QuerySet

from openplatform.core.errors import NotFound
from openplatform.regions.models import MAX_CODE_LENGTH, Region, RegionLibrary

CODE = re.compile(rf"[0-9]{{1,{MAX_CODE_LENGTH}}}", re.ASCII)


def get_region(*, code: str) -> Region:
    """The place with this code, a retired one too.

    :raises NotFound: when there is none, or the text is not a code at all.
    """
    region = Region.objects.filter(code=code).first() if CODE.fullmatch(code) else None
    if region is None:
        raise NotFound
    return region


def list_children(*, parent: str | None) -> QuerySet[Region]:
    """The places directly below ``parent``, the provinces for None, by code; no retired ones.

    :raises NotFound: when there is no place with the code ``parent``.
    """
    if parent is not None:
        parent = get_region(code=parent).code
    return Region.objects.filter(parent=parent, is_retired=False).order_by("code")


def get_library_version() -> str:
    """The version of the library that is loaded.

    :raises NotFound: before the first load.
    """
    version = RegionLibrary.objects.values_list("version", flat=True).first()
    if version is None:
        raise NotFound
    return version


def get_library() -> RegionLibrary:
    """The library that is loaded, with its file.

    :raises NotFound: before the first load.
    """
    library = RegionLibrary.objects.first()
    if library is None:
        raise NotFound
    return library
