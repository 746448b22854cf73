"""The command: makes its own database and servers, measures, prints, and takes all down again."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from openplatform.core.environment import read_path
from openplatform.demo.supervisor import ROOT
from tests.bench.database import (
    NotDurable,
    Observer,
    PgbenchFailed,
    copied_database,
    own_database,
)
from tests.bench.load import Broken
from tests.bench.processes import NotReady, serving

if TYPE_CHECKING:
    from tests.bench.measuring import Among
    from tests.bench.world import World


def main() -> int:
    """Exit status: 1 when the run proves nothing, whatever the ratios."""
    options = _read_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all is taken down then, too
    data = read_path("DATA_DIR", ROOT / ".data")
    try:
        with own_database(data / "bench-postgres") as url:
            return _run(options, url)
    except (Broken, NotDurable, NotReady, PgbenchFailed) as failure:
        print(f"{type(failure).__name__}: {failure}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace, url: str) -> int:
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
        Path(directory, "static").mkdir()
        environment = as_in_production(url, directory)
        os.environ.update(environment)
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        from tests.bench import measuring, report
        from tests.bench.world import make_world

        print("Migrations, regions, merchants, SKUs …", flush=True)
        call_command("migrate", verbosity=0)
        call_command("load_regions", stdout=open(os.devnull, "w"))  # noqa: SIM115 - lives as we do
        world = make_world(merchants=options.merchants, skus=options.skus)
        among = None
        if options.history:
            print(f"{options.history:,} orders …", flush=True)
            among = _add_among(stack, url, environment, world, options.history)
        observer = Observer(url)
        stack.callback(observer.connection.close)
        stack.callback(connection.close)
        servers = measuring.Servers(
            platform=stack.enter_context(
                serving("openplatform.wsgi:application", environment, path="/readyz")
            ),
            plain=stack.enter_context(
                serving("tests.bench.plain.wsgi:application", environment, path="/plain/orders")
            ),
            unguarded=stack.enter_context(
                serving("tests.bench.unguarded.wsgi:application", environment, path="/readyz")
            ),
            bare=stack.enter_context(
                serving("tests.bench.bare:application", environment, path="/bare")
            ),
        )
        bench = measuring.Bench(
            url=url, world=world, servers=servers, observer=observer, among=among
        )
        print(f"{len(bench.cases)} cases, {options.rounds} rounds …\n", flush=True)
        try:
            took = measuring.run_rounds(bench, rounds=options.rounds, seconds=options.seconds)
        except measuring.Miscounted as failure:
            print(f"The run is void. {failure}", file=sys.stderr)
            return 1
        document = report.as_document(bench, seconds=options.seconds, took=took)
        print(report.as_text(document))
        if options.json:
            options.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return 0


def _add_among(
    stack: ExitStack, url: str, environment: dict[str, str], world: World, orders: int
) -> Among:
    """A copy of the database with so many orders more, and a web server on it."""
    from django.db import connection

    from tests.bench.history import add_history
    from tests.bench.measuring import Among

    connection.close()
    copy = stack.enter_context(copied_database(url))
    # The first merchant has an order already.
    add_history(orders=orders, partner_ids=world.partner_ids[1:], url=copy)
    observer = Observer(copy)
    stack.callback(observer.connection.close)
    web = stack.enter_context(
        serving(
            "openplatform.wsgi:application", {**environment, "DATABASE_URL": copy}, path="/readyz"
        )
    )
    return Among(orders, web, observer)


def as_in_production(url: str, directory: str) -> dict[str, str]:
    """The settings of a server that is measured."""
    return {
        "DJANGO_SETTINGS_MODULE": "openplatform.settings",
        "DATABASE_URL": url,
        "DATA_DIR": directory,
        "PRODUCTION": "1",
        "DEBUG": "",
        "SECRET_KEY": secrets.token_urlsafe(60),
        "ALLOWED_HOSTS": "127.0.0.1",
        "PUBLIC_URL": "https://bench.example.com",
        "SECURE_SSL_REDIRECT": "0",  # the load comes over loopback, without TLS
        "SMTP_HOST": "mail.example.com",  # never reached: no worker runs
        "MAIL_FROM": "bench@example.com",
        "LOG_LEVEL": "INFO",
        # Counted as for any merchant, and never reached.
        "RATE_LIMIT_KEY": "1000000",
        "RATE_LIMIT_PARTNER": "1000000",
    }


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="the result as JSON, too")
    parser.add_argument("--seconds", type=float, default=4.0, help="for each case and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--merchants", type=int, default=500)
    parser.add_argument("--skus", type=int, default=5000)
    parser.add_argument(
        "--history",
        type=int,
        default=0,
        metavar="ORDERS",
        help="measure placing among so many orders, too (a million take some minutes to make)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
