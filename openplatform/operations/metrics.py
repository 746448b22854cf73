"""``/metrics``: figures for Prometheus, to whoever has the token."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterable
from pathlib import Path
from secrets import compare_digest

import structlog
from django.conf import settings
from django.db import Error
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from openplatform.operations.gauges import READINGS, Gauge, read_worker_gauges

log = structlog.get_logger(__name__)

PREFIX = "openplatform_"
DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"  # in the environment: what prometheus_client looks at
START_TIME = 19  # among the fields of /proc/<pid>/stat behind the name in brackets


def share_counts() -> None:
    """Have all processes of this web server count into one directory, so that any of them can tell
    what all have done. To be called before prometheus_client is loaded.

    The directory belongs to the server's first process, our parent, and goes with it: counts of an
    earlier server would be told again and again. One of a worker that died stays, since a sum that
    shrinks would look like a new beginning.
    """
    if not settings.METRICS_TOKEN or os.environ.get(DIRECTORY):
        return
    folder = settings.DATA_DIR / "metrics"
    own = folder / _name_of(os.getppid())
    own.mkdir(parents=True, exist_ok=True)
    os.environ[DIRECTORY] = str(own)
    for other in folder.iterdir():
        host, _, process = other.name.rpartition("@")
        pid = process.partition("-")[0]
        if host == socket.gethostname() and pid.isdecimal() and other.name != _name_of(int(pid)):
            shutil.rmtree(other, ignore_errors=True)  # another process may be at it, too


@csrf_exempt  # another method is not allowed, with a token or without
@require_safe
def answer_metrics(request: HttpRequest) -> HttpResponse:
    """The page, 401 without the right token, 404 where no token is set."""
    from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    if not settings.METRICS_TOKEN:
        raise Http404
    given = request.headers.get("Authorization", "")
    if not compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    counts = REGISTRY
    if DIRECTORY in os.environ:
        counts = CollectorRegistry()
        MultiProcessCollector(counts)  # type: ignore[no-untyped-call]
    return HttpResponse(
        generate_latest(counts) + _gauges_as_text(), content_type=CONTENT_TYPE_LATEST
    )


def _gauges_as_text() -> bytes:
    from prometheus_client import generate_latest
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
    from prometheus_client.registry import Collector, CollectorRegistry

    class Tables(Collector):
        def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
            for gauge in _read_gauges():
                kind = CounterMetricFamily if gauge.is_counter else GaugeMetricFamily
                family = kind(PREFIX + gauge.name, gauge.description, labels=gauge.labels)
                for labels, value in gauge.values.items():
                    family.add_metric(labels, value)
                yield family

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Tables())
    return generate_latest(registry)


def _read_gauges() -> list[Gauge]:
    """All figures, or, while the database is away, that it is."""
    try:
        gauges = [gauge for reading in (read_worker_gauges, *READINGS) for gauge in reading()]
    except Error as error:
        log.warning("figures_not_read", error=str(error))
        gauges = []
    is_up = float(bool(gauges))
    return [Gauge("database_up", "Whether the database answered just now", {(): is_up}), *gauges]


def _name_of(pid: int) -> str:
    """Of the directory of a web server: numbers of processes come again, their beginnings not."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        begun = fields[START_TIME]
    except OSError:
        begun = "gone" if not _is_running(pid) else "0"
    return f"{socket.gethostname()}@{pid}-{begun}"


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
