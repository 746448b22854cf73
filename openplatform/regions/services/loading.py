"""Load a release of the address library."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from gzip import compress
from pathlib import Path
from typing import Any

from django.db import connection
from django.utils.translation import gettext_lazy as _

from openplatform.core.errors import FileInvalid, refuse_if
from openplatform.core.locking import require_transaction, transactional
from openplatform.core.statements import send
from openplatform.messaging.services.publishing import publish
from openplatform.messaging.types import list_partners
from openplatform.regions.messages import REGIONS_CHANGED
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

GIVEN = """
    unnest(%s::text[], %s::text[], %s::smallint[], %s::text[], %s::text[], %s::text[], %s::bool[])
    AS given (code, parent, level, name, path, path_name, has_children)
"""
# As in the files: a place is not changed by a new name of a place above or a new place below it.
COMPARE = f"""
SELECT count(*) FILTER (WHERE known.code IS NULL),
    count(*) FILTER (WHERE NOT known.is_retired AND (known.parent_id, known.level, known.name)
        IS DISTINCT FROM (given.parent, given.level, given.name)),
    count(*) FILTER (WHERE known.is_retired)
FROM {GIVEN} LEFT JOIN regions_region known ON known.code = given.code
"""  # noqa: S608 - put together from constants
WRITE_ROWS = f"""
INSERT INTO regions_region AS known
    (code, parent_id, level, name, path, path_name, has_children, is_retired)
SELECT code, parent, level, name, string_to_array(path, ' '), path_name, has_children, false
FROM {GIVEN}
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
"""  # noqa: S608 - put together from constants
RETIRE_REST = """
UPDATE regions_region SET is_retired = true, has_children = false
WHERE NOT is_retired AND code NOT IN (SELECT unnest(%s::text[]))
"""
# Where A was followed by B, which retires in its turn and is followed by C, A is followed by C. One
# step is enough: whatever has a successor is retired, and a successor is in use when it is named.
SHORTEN_CHAINS = """
UPDATE regions_region old SET successor_id = next.successor_id
FROM regions_region next
WHERE next.code = old.successor_id AND next.successor_id IS NOT NULL
"""
SUCCESSORS = "SELECT code, successor_id FROM regions_region WHERE successor_id IS NOT NULL"


@dataclass(frozen=True, slots=True)
class LibraryChange:
    """The library after a load, and how many places the load added, changed, retired, took back."""

    library: RegionLibrary
    added: int = 0
    changed: int = 0
    retired: int = 0
    reinstated: int = 0


def load_regions(
    *, file: Path | None, now: datetime, successors: Path | None = None
) -> LibraryChange:
    """The library as it is after the load; the shipped one when ``file`` is None.

    The file is CSV, plain or gzip. Its version is the year in its name and a hash of its content,
    and, when retired codes have successors, a hash of those. Places are added, changed, retired
    and taken back by difference; a file that is loaded already changes nothing. Codes that the
    file no longer has are retired: left out of listings, readable for ever. ``successors`` (old
    code, new code) tells what follows a retired code; a code that follows may be retired itself
    when it is known what follows that one. Both files are taken as a whole or not at all.

    Partners are told ``regions.changed`` when the version moved, except by the first load.

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


def _with_successors(version: str) -> str:
    rows = sorted(send(SUCCESSORS).rows())
    if not rows:
        return version
    return f"{version}.{hashlib.sha256(repr(rows).encode()).hexdigest()[:DIGEST_LENGTH]}"


@transactional
def _write(
    *,
    version: str,
    content: bytes,
    rows: Sequence[RegionRow],
    successors: Mapping[str, str],
    now: datetime,
) -> LibraryChange:
    """
    1. Lock: one load at a time; readers go on with what was committed.
    2. Write the difference, unless this very file is loaded.
    3. Name the successors, and write down the version of what is there now.
    4. Tell the partners.
    """
    with connection.cursor() as cursor:
        # A load is no request: it may wait for another load, and take its time on a busy server.
        cursor.execute("SET LOCAL lock_timeout = '30s'")
        cursor.execute("SET LOCAL statement_timeout = '120s'")
        cursor.execute("LOCK TABLE regions_regionlibrary IN EXCLUSIVE MODE")
    library = RegionLibrary.objects.first() or RegionLibrary()
    known = library.version
    change = LibraryChange(library)
    if known.partition(".")[0] != version:
        change = _write_difference(library, rows)
        # No time stamp inside, so that the same content is the same file, byte for byte.
        library.file = compress(content, mtime=0)
        library.loaded_at = now
    name_successors(successors)
    library.version = _with_successors(version)
    if library.version != known:
        library.save()
        if known:
            _tell_partners(library.version)
    return change


def _tell_partners(version: str) -> None:
    publish(
        type=REGIONS_CHANGED,
        subject="regions",
        data={"version": version},
        partner_ids=list_partners(),
    )


def _write_difference(library: RegionLibrary, rows: Sequence[RegionRow]) -> LibraryChange:
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
        cursor.execute(COMPARE, columns)
        added, changed, reinstated = cursor.fetchone()
        cursor.execute(WRITE_ROWS, columns)
        cursor.execute(RETIRE_REST, [codes])
        retired = cursor.rowcount
        cursor.execute("ANALYZE regions_region")  # the planner must not take it for empty
    return LibraryChange(library, added, changed, retired, reinstated)


def name_successors(successors: Mapping[str, str]) -> None:
    """Step: set what follows each retired code.

    What is known of others is kept, and follows on to the last code that is in use.

    :raises Refusal: ``file_invalid`` for each old code that is not retired, or new one that is
        not in use nor followed by one that is.
    """
    require_transaction()
    if not successors:
        return
    follows = {**dict(send(SUCCESSORS).rows()), **successors}
    last = {old: _last(new, follows) for old, new in successors.items()}
    known = Region.objects.in_bulk({*last.keys(), *last.values()})
    faults: list[FileInvalid] = []
    for old, new in successors.items():
        if old not in known or not known[old].is_retired:
            faults.append(FileInvalid(_("The old code is not a retired one"), region=old))
        elif last[old] not in known or known[last[old]].is_retired:
            faults.append(FileInvalid(_("The new code is not in use"), region=new))
        else:
            known[old].successor = known[last[old]]
    refuse_if(faults[:MAX_FAULTS])
    Region.objects.bulk_update((known[old] for old in successors), ["successor"], batch_size=1000)
    send(SHORTEN_CHAINS)


def _last(code: str, follows: Mapping[str, str]) -> str:
    """The end of the chain that begins with a code; a code of the circle where it never ends."""
    seen = {code}
    while code in follows and follows[code] not in seen:
        code = follows[code]
        seen.add(code)
    return code
