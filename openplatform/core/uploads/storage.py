"""Where files are kept: Django's default storage, under names that nobody can guess.

A file is stored before the row that names it commits, so a crash in between leaves a file without a
row. Apps register their folders; what no row names a day later is deleted by :func:`sweep_files`,
for as long as it looks at the month in which it was stored. Of a folder whose rows are taken out
again by people, it looks at every month.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

import structlog
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import InterfaceError, OperationalError

from openplatform.core import clock
from openplatform.core.clock import PLATFORM_ZONE
from openplatform.core.identifiers import random_text
from openplatform.core.uploads.files import MEDIA_TYPES, CleanFile

log = structlog.get_logger(__name__)

NAME_LENGTH = 26  # random characters of a name: 130 bits
MAX_NAME = 100  # for the columns that hold names
NAME = re.compile(
    rf"[a-z][a-z0-9-]{{0,39}}/[0-9]{{4}}/[0-9]{{2}}/[0-9A-Z]{{{NAME_LENGTH}}}"
    rf"\.({'|'.join(MEDIA_TYPES)})",
    re.ASCII,
)
KEPT_WITHOUT_ROW = timedelta(days=1)
BATCH = 500

NamesInUse = Callable[[Collection[str]], Collection[str]]


@dataclass(frozen=True, slots=True)
class Folder:
    """See :func:`register_folder`."""

    names_in_use: NamesInUse
    is_public: bool
    loses_rows: bool


FOLDERS: dict[str, Folder] = {}


def register_folder(
    folder: str,
    names_in_use: NamesInUse,
    *,
    is_public: bool = False,
    loses_rows: bool = False,
) -> None:
    """Make a folder known, and have it swept.

    :param names_in_use: which of these names (at most 500) some row holds.
    :param is_public: its pictures have an address that anybody may ask for, see
        :mod:`openplatform.core.uploads.public`.
    :param loses_rows: rows of old files are deleted, too, so that every month is to be swept.
    """
    FOLDERS[folder] = Folder(names_in_use, is_public, loses_rows)


def store_file(file: CleanFile, *, folder: str, now: datetime) -> str:
    """The name under which the file is kept from here on: ``<folder>/<yyyy>/<mm>/<random>.<ext>``.

    Prefer :func:`storing`, which takes the file away again when the row is refused.

    :raises KeyError: for a folder that nobody registered.
    """
    return default_storage.save(_new_name(folder, file.extension, now), ContentFile(file.content))


def _new_name(folder: str, extension: str, now: datetime) -> str:
    if folder not in FOLDERS:  # nothing would ever sweep it
        raise KeyError(folder)
    month = now.astimezone(PLATFORM_ZONE).strftime("%Y/%m")
    return f"{folder}/{month}/{random_text(NAME_LENGTH)}.{extension}"


@contextmanager
def storing(file: CleanFile, *, folder: str, now: datetime) -> Iterator[str]:
    """Stores the file for a block that writes its row; deletes it when the block raises, unless the
    row may be there all the same.
    """
    name = store_file(file, folder=folder, now=now)
    with _deleted_when_refused(name):
        yield name


@contextmanager
def _deleted_when_refused(name: str) -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError):
        # A connection that broke at COMMIT leaves it open whether the row is there. The sweeper
        # asks the rows.
        raise
    except BaseException:
        delete_quietly(name)
        raise


@contextmanager
def storing_path(path: Path, *, extension: str, folder: str, now: datetime) -> Iterator[str]:
    """The same for a file that we made on this host's disk, however large; piece by piece."""
    with path.open("rb") as content:
        name = default_storage.save(_new_name(folder, extension, now), File(content))
    with _deleted_when_refused(name):
        yield name


@contextmanager
def local_copy(name: str) -> Iterator[Path]:
    """A stored file on this host's disk, for as long as the block runs.

    :raises FileNotFoundError: when it is gone.
    """
    with tempfile.TemporaryDirectory(prefix="copy-") as folder:
        copy = Path(folder) / "file"
        with default_storage.open(name) as stored, copy.open("wb") as out:
            shutil.copyfileobj(stored, out)
        yield copy


@contextmanager
def storing_all(files: Iterable[CleanFile], *, folder: str, now: datetime) -> Iterator[list[str]]:
    """The same for several files, in their order."""
    with ExitStack() as stack:
        yield [stack.enter_context(storing(file, folder=folder, now=now)) for file in files]


def delete_quietly(name: str) -> None:
    """Delete a stored file; what cannot be deleted now is left to the sweeper."""
    try:
        default_storage.delete(name)
    except OSError as error:
        log.warning("file_not_deleted", name=name, error=str(error))


def sweep_files(*, months: int = 2) -> int:
    """Delete files older than a day that no row names, folder by folder; how many went.

    The rows are asked before the store, where each question may be a request over the network.

    :param months: how many are looked at, by the month in a file's name, the running one among
        them. A file without a row goes on the day after, so two are enough for every day's run;
        more are for a platform that stood still.
    """
    now = clock.now()
    before = now - KEPT_WITHOUT_ROW
    swept = 0
    for name_of_folder, folder in FOLDERS.items():
        looked_at = _list_months(name_of_folder) if folder.loses_rows else _last_months(now, months)
        for month in looked_at:
            names = iter(_list_names(f"{name_of_folder}/{month}"))
            while batch := list(islice(names, BATCH)):
                in_use = set(folder.names_in_use(batch))
                for name in batch:
                    if name not in in_use and _is_older(name, before):
                        delete_quietly(name)
                        swept += 1
    if swept:
        log.info("files_swept", count=swept)
    return swept


def _last_months(now: datetime, count: int) -> list[str]:
    """As names have them, ``yyyy/mm``, the latest first."""
    latest = now.astimezone(PLATFORM_ZONE)
    ordinal = latest.year * 12 + latest.month - 1
    return [
        f"{month // 12:04}/{month % 12 + 1:02}" for month in range(ordinal, ordinal - count, -1)
    ]


def _list_months(folder: str) -> list[str]:
    """All in which something was stored."""
    years = _list_folder(folder)[0]
    return [f"{year}/{month}" for year in years for month in _list_folder(f"{folder}/{year}")[0]]


def _list_names(folder: str) -> list[str]:
    return [f"{folder}/{name}" for name in _list_folder(folder)[1]]


def _list_folder(folder: str) -> tuple[list[str], list[str]]:
    """The folders and the files in it."""
    try:
        return default_storage.listdir(folder)
    except FileNotFoundError:  # nothing was ever stored there
        return [], []


def _is_older(name: str, before: datetime) -> bool:
    try:
        return default_storage.get_modified_time(name) < before
    except FileNotFoundError:  # its row was refused meanwhile, and it was taken away
        return False
