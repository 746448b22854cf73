"""Load a release of the address library."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from gzip import compress
from pathlib import Path
from typing import Any

from django.db import connection
from django.utils.translation import gettext_lazy as _

from openplatform.core.errors import FileInvalid, refuse_if
from openplatform.core.locking import require_transaction, transactional
from openplatform.regions.models import Region, RegionLibrary
from openplatform.regions.services.reading import (
    MAX_FAULTS,
    RegionRow,
    read_content,
    read_regions,
    read_successors,
    year_of,
)

SHIPPED_FILE = Path(__file__).resolve().parent.parent / "data" / "regions-2024.csv.gz"
DIGEST_LENGTH = 8

WRITE_ROWS = """
INSERT INTO regions_region AS known
    (code, parent_id, level, name, path, path_name, has_children, is_retired)
SELECT code, parent, level, name, string_to_array(path, ' '), path_name, has_children, false
FROM unnest(%s::text[], %s::text[], %s::smallint[], %s::text[], %s::text[], %s::text[], %s::bool[])
    AS given (code, parent, level, name, path, path_name, has_children)
ON CONFLICT (code) DO UPDATE SET
    parent_id = excluded.parent_id,
    level = excluded.level,
    name = excluded.name,
    path = excluded.path,
    path_name = excluded.path_name,
    has_children = excluded.has_children,
    is_retired = false,
    successor_id = NULL
WHERE (known.parent_id, known.level, known.name, known.path, known.path_name,
       known.has_children, known.is_retired)
    IS DISTINCT FROM
      (excluded.parent_id, excluded.level, excluded.name, excluded.path, excluded.path_name,
       excluded.has_children, false)
"""
RETIRE_REST = """
UPDATE regions_region SET is_retired = true, has_children = false
WHERE NOT is_retired AND code NOT IN (SELECT unnest(%s::text[]))
"""


def load_regions(
    *, file: Path | None, now: datetime, successors: Path | None = None
) -> RegionLibrary:
    """The library as it is after the load; the shipped one when ``file`` is None.

    The file is CSV, plain or gzip. Its version is the year in its name and a hash of its content;
    a version that is loaded already changes nothing. Codes that the file no longer has are
    retired: left out of listings, readable for ever. ``successors`` (old code, new code) tells
    what follows a retired code. Both files are taken as a whole or not at all.

    :raises FileInvalid, Refusal: ``file_invalid`` for the file as a whole, or for each faulty row
        with ``row`` and ``column``; nothing is written.
    """
    source = file or SHIPPED_FILE
    content = read_content(source)
    rows = read_regions(content)
    pairs = read_successors(read_content(successors)) if successors else {}
    # Read before the transaction begins: it then holds its locks for the writing only.
    return _write(
        version=_version_of(content, year_of(source)),
        content=content,
        rows=rows,
        successors=pairs,
        now=now,
    )


def _version_of(content: bytes, year: str | None) -> str:
    digest = hashlib.sha256(content).hexdigest()[:DIGEST_LENGTH]
    return f"{year}-{digest}" if year else digest


@transactional
def _write(
    *,
    version: str,
    content: bytes,
    rows: Sequence[RegionRow],
    successors: Mapping[str, str],
    now: datetime,
) -> RegionLibrary:
    with connection.cursor() as cursor:
        # A load is no request: it may wait for another load, and take its time on a busy server.
        cursor.execute("SET LOCAL lock_timeout = '30s'")
        cursor.execute("SET LOCAL statement_timeout = '120s'")
        # One load at a time; readers go on with what was committed.
        cursor.execute("LOCK TABLE regions_regionlibrary IN EXCLUSIVE MODE")
    library = RegionLibrary.objects.first()
    if library is None or library.version != version:
        write_rows(rows)
        library = library or RegionLibrary()
        library.version = version
        # No time stamp inside, so that the same content is the same file, byte for byte.
        library.file = compress(content, mtime=0)
        library.loaded_at = now
        library.save()
    name_successors(successors)
    return library


def write_rows(rows: Sequence[RegionRow]) -> None:
    """Step: make these rows the library, and retire every other code."""
    require_transaction()
    codes = [row.code for row in rows]
    columns: list[Any] = [
        codes,
        [row.parent for row in rows],
        [row.level for row in rows],
        [row.name for row in rows],
        [" ".join(row.path) for row in rows],
        [row.path_name for row in rows],
        [row.has_children for row in rows],
    ]
    with connection.cursor() as cursor:
        cursor.execute(WRITE_ROWS, columns)
        cursor.execute(RETIRE_REST, [codes])
        cursor.execute("ANALYZE regions_region")  # the planner must not take it for empty


def name_successors(successors: Mapping[str, str]) -> None:
    """Step: set what follows each retired code.

    :raises Refusal: ``file_invalid`` for each old code that is not retired, or new one that is
        not in use.
    """
    require_transaction()
    if not successors:
        return
    known = Region.objects.in_bulk({*successors.keys(), *successors.values()})
    faults = []
    for old, new in successors.items():
        if old not in known or not known[old].is_retired:
            faults.append(FileInvalid(_("The old code is not a retired one"), region=old))
        elif new not in known or known[new].is_retired:
            faults.append(FileInvalid(_("The new code is not in use"), region=new))
    refuse_if(faults[:MAX_FAULTS])
    for old, new in successors.items():
        known[old].successor = known[new]
    Region.objects.bulk_update((known[old] for old in successors), ["successor"], batch_size=1000)
