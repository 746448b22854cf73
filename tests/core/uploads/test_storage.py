"""Where files are kept, and what becomes of those that no row names."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.db import OperationalError

from openplatform.core import clock
from openplatform.core.background import DAILY_JOBS, DailyJob
from openplatform.core.uploads import storage
from openplatform.core.uploads.files import CleanFile, ReceivedFile, safe_filename
from openplatform.core.uploads.storage import (
    delete_quietly,
    store_file,
    storing,
    sweep_files,
)

PNG = CleanFile(b"pixels", "png")
NOW = datetime(2026, 12, 31, 20, 0, tzinfo=UTC)  # already January in Shanghai


def test_the_name_is_unguessable_and_the_file_is_ours_alone_when_it_is_stored(
    files: Path, rows: set[str]
) -> None:
    names = [store_file(PNG, folder="samples", now=NOW) for _ in range(2)]

    assert all(re.fullmatch(r"samples/2027/01/[0-9A-Z]{26}\.png", name) for name in names)
    assert names[0] != names[1]
    assert max(map(len, names)) <= storage.MAX_NAME
    assert (files / names[0]).read_bytes() == b"pixels"
    assert stat.S_IMODE((files / names[0]).stat().st_mode) == 0o600
    assert {
        stat.S_IMODE(folder.stat().st_mode) for folder in [files, *(files / names[0]).parents[:2]]
    } == {0o700}


def test_nothing_is_stored_when_nobody_would_sweep_the_folder(files: Path) -> None:
    with pytest.raises(KeyError):
        store_file(PNG, folder="unknown", now=NOW)

    assert not files.exists()


def test_the_file_stays_when_the_row_is_written(files: Path, rows: set[str]) -> None:
    with storing(PNG, folder="samples", now=NOW) as name:
        rows.add(name)

    assert default_storage.exists(name)


def test_the_file_stays_when_nobody_knows_whether_the_row_was_written(
    files: Path, rows: set[str]
) -> None:
    with (
        pytest.raises(OperationalError),
        storing(PNG, folder="samples", now=NOW) as name,
    ):
        raise OperationalError("server closed the connection unexpectedly")

    assert default_storage.exists(name)


def test_the_file_goes_when_the_row_is_refused(files: Path, rows: set[str]) -> None:
    with pytest.raises(ValueError, match="no row"), storing(PNG, folder="samples", now=NOW) as name:
        raise ValueError("no row")

    assert not default_storage.exists(name)


def test_deleting_is_quiet_when_the_file_is_gone_or_cannot_be_deleted(files: Path) -> None:
    (files / "samples" / "full").mkdir(parents=True)
    (files / "samples" / "full" / "x").touch()

    delete_quietly("samples/2026/01/gone.png")
    delete_quietly("samples/full")

    assert (files / "samples" / "full" / "x").exists()


def test_only_files_that_no_row_names_for_a_day_are_swept(
    files: Path, rows: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "BATCH", 2)
    now = clock.now()
    kept = {store_file(PNG, folder="samples", now=now) for _ in range(3)}
    orphans = {store_file(PNG, folder="samples", now=now) for _ in range(4)}
    rows.update(kept)
    strange = files / "elsewhere.txt"
    strange.touch()

    assert sweep_files() == 0
    with time_machine.travel(now + timedelta(hours=23, minutes=59)):
        assert sweep_files() == 0
    with time_machine.travel(now + timedelta(hours=24, minutes=1)):
        assert sweep_files() == 4
        assert sweep_files() == 0

    assert all(default_storage.exists(name) for name in kept)
    assert not any(default_storage.exists(name) for name in orphans)
    assert strange.exists()


@pytest.mark.parametrize(
    ("stored", "swept", "of_all"),
    [
        ("2026-12-31T15:59:59Z", 0, 1),  # December in Shanghai
        ("2026-12-31T16:00:00Z", 1, 1),
        ("2027-02-27T15:00:00Z", 1, 1),
        ("2027-02-27T16:00:00Z", 0, 0),  # today
    ],
)
def test_only_files_of_this_month_and_the_last_are_looked_at(
    files: Path, rows: set[str], stored: str, swept: int, of_all: int
) -> None:
    at = datetime.fromisoformat(stored)
    name = store_file(PNG, folder="samples", now=at)
    os.utime(files / name, (at.timestamp(), at.timestamp()))

    with time_machine.travel(datetime(2027, 2, 28, 15, 59, tzinfo=UTC), tick=False):
        assert sweep_files() == swept
        assert default_storage.exists(name) is not bool(swept)
        assert swept + sweep_files(months=24) == of_all


def test_no_time_is_asked_for_when_a_row_names_the_file(
    files: Path, rows: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On object storage each time is a request."""
    now = clock.now()
    rows.update(store_file(PNG, folder="samples", now=now) for _ in range(3))
    orphan = store_file(PNG, folder="samples", now=now)
    asked = []
    ask = default_storage.get_modified_time

    def noted(name: str) -> datetime:
        asked.append(name)
        return ask(name)

    monkeypatch.setattr(default_storage, "get_modified_time", noted)

    with time_machine.travel(now + timedelta(days=2)):
        assert sweep_files() == 1

    assert asked == [orphan]


def test_sweeping_goes_on_when_a_file_is_gone_meanwhile(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.now()

    def rows_refused_meanwhile(asked: Collection[str]) -> set[str]:
        delete_quietly(sorted(asked)[0])
        return set()

    monkeypatch.setitem(
        storage.FOLDERS,
        "samples",
        storage.Folder(rows_refused_meanwhile, is_public=False, loses_rows=False),
    )
    names = sorted(store_file(PNG, folder="samples", now=now) for _ in range(3))

    with time_machine.travel(now + timedelta(days=2)):
        assert sweep_files() == 2

    assert not any(default_storage.exists(name) for name in names)


def test_nothing_is_swept_when_nothing_was_ever_stored(files: Path, rows: set[str]) -> None:
    assert sweep_files() == 0


def test_sweeping_is_a_daily_job() -> None:
    assert DailyJob("sweep files", "openplatform.core.uploads.storage.sweep_files") in DAILY_JOBS


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("receipt.pdf", "receipt.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\zhang\\回单.pdf", "回单.pdf"),
        ("/", ""),
        ("..", ""),
        (".htaccess", "htaccess"),
        ("", ""),
        ("a\x00b\r\nSet-Cookie: x.pdf", "abSet-Cookie x.pdf"),
        ('a"b<c>d|e?f*g:h.png', "abcdefgh.png"),
        ("gpj\u202efdp.exe", "gpjfdp.exe"),
        ("zero\u200bwidth\ufeff.png", "zerowidth.png"),
        ("e\u0301.png", "é.png"),
        ("👍 x .png ", "👍 x .png"),
        ("a" * 300 + ".pdf", "a" * 116 + ".pdf"),
        ("a" * 300, "a" * 120),
        ("x\ud800.png", "x.png"),
    ],
)
def test_a_filename_is_fit_to_show_whatever_it_was(given: str, shown: str) -> None:
    assert safe_filename(given) == shown


def test_the_content_is_not_shown_when_a_file_is_logged() -> None:
    assert repr(PNG) == "CleanFile(extension='png')"
    assert repr(ReceivedFile(b"pixels", "a.png")) == "ReceivedFile(filename='a.png')"
