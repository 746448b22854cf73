"""Programs of ours that read hostile files: each run has little memory, little time, no secret.

A few kilobytes unpack to gigabytes where a file pleases them, and libraries in C may crash. Here
that ends a process of its own, and no more than a file may have comes back from it.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock, Timer

from openplatform.core.errors import TemporarilyUnavailable

STARTER = Path(__file__).with_name("limited_start.py")

MEMORY = 1024 * 1024 * 1024  # bytes of addresses; a transparent WebP of 40 megapixels needs 850 MB
SECONDS = 5  # of computing; 40 megapixels of a noisy PNG take four
WITHIN = 15.0  # seconds by the clock, for a busy machine

# One run at a time in each web process, so that its other threads are there for orders; whoever
# comes next waits no longer than most runs take.
PATIENCE = 1.0  # seconds
_slot = Lock()


def run_limited(program: Path, data: bytes, *arguments: int, limit: int) -> tuple[int, bytes]:
    """The exit status of a program that was given ``data`` on standard input, and what it wrote.

    The status is not 0 either when it was ended at a limit; what was written then is worth nothing.

    :param arguments: of the program, which reads all of its input before it writes; ``limit`` is
        given to it as the last one.
    :param limit: bytes that it may write; it is ended at one more, and that many are returned.
    :raises TemporarilyUnavailable: while this web process is at another file.
    """
    command = [sys.executable, "-I", STARTER, MEMORY, SECONDS, program, *arguments, limit]
    with (
        held_slot(),
        subprocess.Popen(  # noqa: S603 - our own program; the data goes in by the pipe
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},  # no secret is there to be read
        ) as process,
    ):
        deadline = Timer(WITHIN, process.kill)
        deadline.start()
        try:
            written = _exchange(process, data, limit)
            status = process.wait()
        finally:
            process.kill()
            deadline.cancel()
    return (-signal.SIGKILL if len(written) > limit else status), written


def _exchange(process: subprocess.Popen[bytes], data: bytes, limit: int) -> bytes:
    assert process.stdin  # noqa: S101 - both are pipes
    assert process.stdout  # noqa: S101
    # A program that ends early reads no more.
    with suppress(BrokenPipeError), process.stdin:
        process.stdin.write(data)
    written = process.stdout.read(limit + 1)
    if len(written) > limit:
        process.kill()
    return written


@contextmanager
def held_slot() -> Iterator[None]:
    """The right to run a program here.

    :raises TemporarilyUnavailable: when it is not free within a second.
    """
    if not _slot.acquire(timeout=PATIENCE):
        raise TemporarilyUnavailable
    try:
        yield
    finally:
        _slot.release()
