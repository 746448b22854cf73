"""``/healthz``: the process lives. ``/readyz``: it can do its work, and how the worker is."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from openplatform.core.background import PARTS
from openplatform.operations.selectors import LATE_AFTER, list_beats

BAD_REQUEST, UNAVAILABLE = 400, 503
WORKER = "worker"

LAGS: dict[str, Callable[[], float]] = {}


def register_lag(name: str, seconds: Callable[[], float]) -> None:
    """Have ``/readyz`` tell for how long work of the worker's has waited; a minute is too long."""
    LAGS[name] = seconds


@csrf_exempt  # another method is not allowed, with a token or without
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 for as long as the process answers."""
    return JsonResponse({"status": "ok"})


@csrf_exempt
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when the database answers and has every migration; 503 with the reason otherwise.

    The worker is told of besides; ``?of=worker`` answers 503 when it is late, too. Of anything else
    there is nothing to tell: 400, for a probe with a slip of the pen would always be well.
    """
    of = request.GET.get("of")
    if of not in (None, WORKER):
        return JsonResponse({"status": "unknown_of", "known": [WORKER]}, status=BAD_REQUEST)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        has_pending = bool(_first_pending_migration())
        worker = {} if has_pending else _read_worker()
    except Error:
        return JsonResponse(
            {"status": "database_unavailable", "database": "unavailable"}, status=UNAVAILABLE
        )
    if has_pending:
        _first_pending_migration.cache_clear()
        return JsonResponse(
            {"status": "migrations_pending", "database": "ok", "migrations": "pending"},
            status=UNAVAILABLE,
        )
    is_late = of == WORKER and worker["status"] != "ok"
    return JsonResponse(
        {
            "status": "worker_late" if is_late else "ok",
            "database": "ok",
            "migrations": "ok",
            "worker": worker,
        },
        status=UNAVAILABLE if is_late else 200,
    )


@functools.cache  # migrations do not go away; reading them all takes a tenth of a second
def _first_pending_migration() -> str:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return str(plan[0][0]) if plan else ""


def _read_worker() -> dict[str, Any]:
    """Seconds since the last sign of life of each part, null for none; and what waits how long."""
    ages = {beat.part: beat.age for beat in list_beats()}
    parts = {part.name: ages.get(part.name) for part in PARTS}
    lags = {name: seconds() for name, seconds in LAGS.items()}
    is_late = any(age is None or age > LATE_AFTER for age in (*parts.values(), *lags.values()))
    return {
        "status": "late" if is_late else "ok",
        "parts": {part: None if age is None else round(age, 1) for part, age in parts.items()},
        **{name: round(seconds, 1) for name, seconds in lags.items()},
    }
