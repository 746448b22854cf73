"""How many requests there were, and how long they took, for ``/metrics``."""

from __future__ import annotations

import functools
from typing import Any

from prometheus_client import Counter, Histogram

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUESTS = Counter(
    "openplatform_api_requests",
    "Requests to the partner API; without an operation: to no address of it",
    ["operation", "status"],
)
DURATIONS = Histogram(
    "openplatform_api_request_seconds",
    "Until the answer was there, by operation",
    ["operation"],
    buckets=SECONDS,
)


def note_request(operation: str, status: int, seconds: float) -> None:
    """One more."""
    count, durations = _of(operation, status)
    count.inc()
    durations.observe(seconds)


@functools.cache  # of few; finding them takes longer than counting
def _of(operation: str, status: int) -> tuple[Any, Any]:
    return REQUESTS.labels(operation, str(status)), DURATIONS.labels(operation)
