"""``/healthz``: the process lives. ``/readyz``: it can do its work."""

from __future__ import annotations

import functools

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse


def healthz(request: HttpRequest) -> JsonResponse:
    """200 for as long as the process answers."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """200 when the database answers and has every migration; 503 with the reason otherwise."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        has_pending = bool(_first_pending_migration())
    except Error:
        return JsonResponse({"status": "database_unavailable"}, status=503)
    if has_pending:
        _first_pending_migration.cache_clear()
        return JsonResponse({"status": "migrations_pending"}, status=503)
    return JsonResponse({"status": "ok"})


@functools.cache  # migrations do not go away; reading them all takes a tenth of a second
def _first_pending_migration() -> str:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return str(plan[0][0]) if plan else ""
