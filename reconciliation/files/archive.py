"""Many statements in one ZIP, written while it is sent: nothing of it is kept, however large."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Generator, Iterable, Iterator, Sequence

import structlog
from django.core.files.storage import default_storage

from openplatform.core.clock import PLATFORM_ZONE
from openplatform.imports.tables import csv_of
from reconciliation.documents import filename_of
from reconciliation.models import StatementFile

log = structlog.get_logger(__name__)

MANIFEST = "manifest.csv"
COLUMNS = (
    "file", "statement_no", "partner", "period_start", "period_end", "format", "language",
    "size_bytes", "sha256",
)  # fmt: skip
PIECE = 256 * 1024  # bytes
COMPRESSED = {StatementFile.Format.CSV.value}  # the others are compressed in themselves


class FileDiffers(RuntimeError):
    """A stored file is not what was stored: whoever downloads it must not get it."""


class _Outlet(io.RawIOBase):
    """What a ZIP is written to, and taken from piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._written

    def write(self, piece: bytes) -> int:  # type: ignore[override] # only ever bytes
        self._pieces.append(bytes(piece))
        self._written += len(piece)
        return len(piece)

    def take(self) -> bytes:
        """What was written since the last time."""
        taken, self._pieces = b"".join(self._pieces), []
        return taken


def write_archive(files: Sequence[StatementFile]) -> Generator[bytes]:
    """The ZIP piece by piece: ``<partner>/<name of the file>`` each, and at the end the manifest
    with size and SHA-256 of every one. At most a piece of one file is in memory.

    :param files: with statement and partner.
    :raises FileDiffers: in the middle, when a stored file is not the one that was recorded; the
        ZIP then lacks its end, and no program takes it for whole.
    :raises FileNotFoundError: likewise, when one is gone.
    """
    outlet = _Outlet()
    with zipfile.ZipFile(outlet, "w", allowZip64=True) as archive:
        for file in files:
            yield from _add(archive, outlet, file)
        archive.writestr(MANIFEST, _manifest_of(files), zipfile.ZIP_DEFLATED)
    yield outlet.take()


def name_in_archive(file: StatementFile) -> str:
    """``<partner>/statement-….csv``; the code of a partner is never taken for a way elsewhere."""
    code = file.statement.partner.code
    if not code.strip(".") or code.lower() == MANIFEST:
        code = f"_{code}"
    return f"{code}/{filename_of(file.statement, file.format, file.language)}"


def _add(archive: zipfile.ZipFile, outlet: _Outlet, file: StatementFile) -> Iterator[bytes]:
    ready_at = file.statement.ready_at
    assert ready_at is not None  # noqa: S101 - only what is ready has files
    entry = zipfile.ZipInfo(
        name_in_archive(file), ready_at.astimezone(PLATFORM_ZONE).timetuple()[:6]
    )
    entry.compress_type = zipfile.ZIP_DEFLATED if file.format in COMPRESSED else zipfile.ZIP_STORED
    entry.file_size = file.size_bytes  # so that it knows whether 32 bits are enough
    entry.external_attr = 0o644 << 16
    digest = hashlib.sha256()
    with default_storage.open(file.file) as stored, archive.open(entry, "w") as inner:
        while piece := stored.read(PIECE):
            digest.update(piece)
            inner.write(piece)
            if ready := outlet.take():
                yield ready
        if digest.hexdigest() != file.sha256:
            log.error("statement_file_differs", file=file.file, sha256=digest.hexdigest())
            raise FileDiffers(file.file)
    yield outlet.take()


def _manifest_of(files: Iterable[StatementFile]) -> bytes:
    rows = [
        [
            name_in_archive(file),
            file.statement.statement_no,
            file.statement.partner.code,
            file.statement.period_start.isoformat(),
            file.statement.period_end.isoformat(),
            file.format,
            file.language,
            file.size_bytes,
            file.sha256,
        ]
        for file in files
    ]
    return csv_of([COLUMNS, *rows])
