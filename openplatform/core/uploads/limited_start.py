"""Started as a process of its own: limits itself, then becomes the program that it was told.

Neither this nor a program that it becomes imports anything of the platform, so that they start fast
and know no setting and no secret.
"""

from __future__ import annotations

import resource
import runpy
import sys


def main() -> None:
    """The arguments are bytes of memory, seconds, the program and its own arguments."""
    memory, seconds = map(int, sys.argv[1:3])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    for files in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):  # it leaves none behind
        resource.setrlimit(files, (0, 0))
    del sys.argv[:3]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
