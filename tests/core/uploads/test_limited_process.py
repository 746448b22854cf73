"""Programs that read hostile files: what they may use, write and see, and how many run."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from openplatform.core.errors import TemporarilyUnavailable
from openplatform.core.uploads import limited_process
from openplatform.core.uploads.limited_process import held_slot, run_limited


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Where a test writes its own."""
    return tmp_path / "program.py"


def test_input_goes_in_and_output_comes_back(program: Path) -> None:
    program.write_text("import sys\nsys.stdout.write(f'{sys.argv[1:]} {len(sys.stdin.read())}')")

    assert run_limited(program, b"x" * 1_000_000, 7, limit=99) == (0, b"['7', '99'] 1000000")


@pytest.mark.parametrize(("size", "is_over"), [(0, False), (1000, False), (1001, True)])
def test_ended_when_it_writes_more_than_the_limit(program: Path, size: int, is_over: bool) -> None:
    program.write_text(f"print('x' * {size}, end='')")

    status, written = run_limited(program, b"", limit=1000)

    assert (status != 0, len(written)) == (is_over, size)


def test_one_byte_over_the_limit_is_read_when_it_writes_without_end(program: Path) -> None:
    program.write_text("while True:\n    print('x' * 100_000)")

    status, written = run_limited(program, b"", limit=1_000_000)

    assert (status, len(written)) == (-9, 1_000_001)


@pytest.mark.parametrize(
    "text",
    [
        "raise SystemExit(3)",  # without reading
        "import os; os.close(0); raise SystemExit(3)",
        "import sys; sys.stdin.read(); raise SystemExit(3)",
    ],
)
def test_its_status_is_told_however_much_it_reads(program: Path, text: str) -> None:
    program.write_text(text)

    assert run_limited(program, b"x" * 1_000_000, limit=10) == (3, b"")


@pytest.mark.parametrize(
    "text",
    ["import time; time.sleep(60)", "import os, time; os.close(1); time.sleep(60)"],
    ids=["silent", "output closed"],
)
def test_ended_when_its_time_by_the_clock_is_over(
    program: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limited_process, "WITHIN", 0.5)
    program.write_text(text)
    started = time.perf_counter()

    status, written = run_limited(program, b"x" * 1_000_000, limit=10)

    assert (status, written) == (-9, b"")
    assert time.perf_counter() - started < 10


def test_ended_when_it_computes_too_long(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limited_process, "SECONDS", 1)
    program.write_text("while True: pass")

    status, _written = run_limited(program, b"", limit=10)

    assert status < 0


def test_it_knows_no_secret_and_leaves_no_file(program: Path, tmp_path: Path) -> None:
    program.write_text(
        "import os\nprint(sorted(os.environ), flush=True)\n"
        f"with open({str(tmp_path / 'left')!r}, 'w') as left:\n    left.write('x')\n"
    )
    os.environ["TOP_SECRET"] = "known"
    try:
        status, written = run_limited(program, b"", limit=1000)
    finally:
        del os.environ["TOP_SECRET"]

    assert status != 0
    assert b"[" in written
    assert b"TOP_SECRET" not in written
    assert (tmp_path / "left").read_bytes() == b""


def test_temporarily_unavailable_when_another_runs_for_longer_than_a_moment(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limited_process, "PATIENCE", 0.2)
    program.write_text("")
    started = time.perf_counter()

    with held_slot(), pytest.raises(TemporarilyUnavailable) as refusal:
        run_limited(program, b"", limit=10)

    assert 0.2 <= time.perf_counter() - started < 5
    assert (refusal.value.status, refusal.value.retry_after) == (503, 1)
    assert run_limited(program, b"", limit=10) == (0, b"")


def test_at_most_a_second_is_waited_and_one_runs_at_a_time() -> None:
    assert limited_process.PATIENCE <= 1.0
    assert limited_process._slot.acquire(blocking=False)
    assert not limited_process._slot.acquire(blocking=False)
    limited_process._slot.release()
