"""``manage.py worker``: everything that is not web."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand

from openplatform.core.background import PARTS
from openplatform.operations.supervisor import Supervisor

SCHEDULED_JOBS = "scheduled jobs"


class Command(BaseCommand):
    """Runs the registered parts, a process each, and begins anew what ends or hangs."""

    help = "Number and deliver messages, expire orders, run scheduled jobs: all that is not web."
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--part",
            dest="parts",
            action="append",
            choices=sorted(part.name for part in PARTS),
            help="only this part; may be given several times",
        )
        parser.add_argument(
            "--without-cluster",
            action="store_true",
            help=f"all parts but {SCHEDULED_JOBS!r}, which are django-q2's",
        )

    def handle(self, *, parts: Sequence[str] | None, without_cluster: bool, **options: Any) -> None:
        Supervisor(
            [
                part
                for part in PARTS
                if (parts is None or part.name in parts)
                and not (without_cluster and part.name == SCHEDULED_JOBS)
            ]
        ).run()
