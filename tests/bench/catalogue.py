"""How the catalogue bears a large range: pages, an import, a change of every price.

    python -m tests.bench.catalogue

Makes its own database and servers, measures, prints, and takes all down again. Exit status 1 when
the run proves nothing, whatever the figures.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from openplatform.core.environment import read_path
from openplatform.demo.supervisor import ROOT
from tests.bench.__main__ import as_in_production
from tests.bench.database import NotDurable, own_database
from tests.bench.load import Broken, drive, http_request
from tests.bench.processes import NotReady, WebServer, serving

RATE = 20  # requests a second while prices change
IMPORTED = 27_000  # SKUs of the measured import
LOOK_EVERY = 0.05  # seconds
PATIENCE = 300.0  # seconds until messages must have been sequenced
KILOBYTE = 1024


class Failed(Exception):
    """Something that was to be measured did not happen; the text says what."""


@dataclass
class Figure:
    """A measured number, and what it must not go beyond."""

    name: str
    title: str
    value: float
    unit: str
    limit: float | None = None
    at_least: float | None = None

    @property
    def verdict(self) -> str:
        """Whether it holds."""
        if self.limit is not None:
            return "ok" if self.value <= self.limit else "over the limit"
        if self.at_least is not None:
            return "ok" if self.value >= self.at_least else "below"
        return ""


@dataclass
class Paced:
    """Requests sent at a steady pace: how long each took, from when it was due."""

    latencies: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def p95(self) -> float:
        """Seconds."""
        if self.refused:
            raise Failed(f"{len(self.refused)} requests refused: {self.refused[0]}")
        return statistics.quantiles(self.latencies, n=20)[-1]


def main() -> int:
    """See the module."""
    options = _read_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all is taken down then, too
    data = read_path("DATA_DIR", ROOT / ".data")
    try:
        with own_database(data / "bench-postgres") as url:
            return _run(options, url)
    except (Broken, Failed, NotDurable, NotReady) as failure:
        print(f"{type(failure).__name__}: {failure}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace, url: str) -> int:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        Path(directory, "static").mkdir()
        environment = as_in_production(url, str(directory))
        os.environ.update(environment)
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        from tests.bench.catalogue_world import (
            Range,
            make_categories_and_pools,
            make_merchants,
            make_stock,
            write_products_file,
        )

        size = Range(skus=options.skus, merchants=options.merchants, pools=options.pools)
        stack.callback(connection.close)
        print("Migrations, regions, categories, pools …", flush=True)
        call_command("migrate", verbosity=0)
        call_command("load_regions", stdout=open(os.devnull, "w"))  # noqa: SIM115 - lives as we do
        make_categories_and_pools(size)
        imported = min(IMPORTED, size.skus)
        figures: list[Figure] = []
        print(f"Importing {imported} products, then the rest …", flush=True)
        first, rest = directory / "first.csv", directory / "rest.csv"
        write_products_file(first, size, range(imported))
        keys = make_merchants(size)
        figures += _measure_import(first, imported, "import", url)
        if imported < size.skus:
            write_products_file(rest, size, range(imported, size.skus))
            _import("products", rest)
        make_stock()
        print("Sequencing what that told the merchants …", flush=True)
        from openplatform.messaging.services.sequencing import sequence_outbox

        while sequence_outbox():
            pass
        with psycopg.connect(url, autocommit=True) as aside:
            aside.execute("VACUUM ANALYZE")
        web = stack.enter_context(
            serving("openplatform.wsgi:application", environment, path="/readyz")
        )
        print("Pages …", flush=True)
        figures += _measure_pages(web, keys[0], seconds=options.seconds, rounds=options.rounds)
        print("A new price for every SKU …", flush=True)
        figures += _measure_price_change(web, size, keys, url, seconds=options.seconds)
        print("Importing them again with other prices …", flush=True)
        reprice = directory / "reprice.csv"
        _write_new_prices(first, reprice)
        figures += _measure_import(reprice, imported, "reprice", url)
        print(_as_text(figures))
        if options.json:
            document = [asdict(figure) | {"verdict": figure.verdict} for figure in figures]
            options.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return 0


# Imports


def _measure_import(file: Path, rows: int, name: str, url: str) -> list[Figure]:
    """Seconds and memory of the command, and how long another writer had to wait meanwhile."""
    with _probing(url) as waits:
        seconds, kilobytes, report = _import("products", file)
    if report["created"] + report["updated"] != rows:
        raise Failed(f"import of {rows} rows: {report}")
    what = "import of new products" if name == "import" else "import of other prices"
    return [
        Figure(f"{name}_seconds", f"{what}: {rows} rows", seconds, "s", limit=180),
        Figure(f"{name}_memory", f"{what}: memory", kilobytes / KILOBYTE, "MB", limit=400),
        Figure(f"{name}_wait", f"{what}: another writer waited", max(waits), "s", limit=10),
    ]


def _import(resource: str, file: Path) -> tuple[float, float, dict[str, Any]]:
    """Seconds, peak resident memory in kB, and the command's report."""
    command = [sys.executable, "manage.py", "import", resource, str(file), "--json"]
    command.append("--accept-warnings")
    started = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        output = process.stdout.read() if process.stdout else ""
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Failed(f"import {resource}: {output[:2000]}")
    return time.perf_counter() - started, usage.ru_maxrss, json.loads(output)


@contextmanager
def _probing(url: str) -> Iterator[list[float]]:
    """Touches rows that an import writes, again and again; the list holds how long each took."""
    waits = [0.0]
    stopping = threading.Event()

    def probe() -> None:
        with psycopg.connect(url, autocommit=True) as aside:
            while not stopping.wait(LOOK_EVERY):
                began = time.perf_counter()
                with aside.transaction():
                    aside.execute(
                        "SELECT id FROM catalog_sku ORDER BY id LIMIT 1 FOR NO KEY UPDATE"
                    )
                    aside.execute(
                        "SELECT id FROM catalog_category ORDER BY id LIMIT 1 FOR NO KEY UPDATE"
                    )
                    aside.execute(
                        "SELECT id FROM catalog_pool ORDER BY id LIMIT 1 FOR NO KEY UPDATE"
                    )
                waits.append(time.perf_counter() - began)

    thread = threading.Thread(target=probe)
    thread.start()
    try:
        yield waits
    finally:
        stopping.set()
        thread.join()


def _write_new_prices(file: Path, out: Path) -> None:
    """The same rows, each a little dearer, in the columns that are required and no more."""
    import csv
    from decimal import Decimal

    wanted = ("sku", "name", "category", "sale_price")
    with file.open(encoding="utf-8-sig", newline="") as source, out.open("w", newline="") as target:
        rows = csv.DictWriter(target, wanted)
        rows.writeheader()
        for row in csv.DictReader(source):
            row["sale_price"] = str(Decimal(row["sale_price"]) + Decimal("0.37"))
            rows.writerow({name: row[name] for name in wanted})


# Pages


def _measure_pages(web: WebServer, key: str, *, seconds: float, rounds: int) -> list[Figure]:
    """The first and the last page of 100, by turns: by code, and by update."""
    figures = []
    for order, query in (("code", ""), ("update", "&updated_after=2020-01-01T00:00:00%2B08:00")):
        first = f"/api/v1/catalog/skus?limit=100{query}"
        last, pages = _last_page(web, first, key)
        rates: dict[str, list[float]] = {first: [], last: []}
        for _ in range(rounds):
            for target, of_target in rates.items():
                request = http_request("GET", target, key=key)
                load = drive(port=web.port, requests=_forever(request), seconds=seconds)
                if load.refused:
                    raise Failed(f"{target}: {load.refused[0]!r}")
                of_target.append(load.answered / load.seconds)
        ratios = [b / a for a, b in zip(rates[first], rates[last], strict=True)]
        figures += [
            Figure(
                f"page_{order}", f"first page by {order}", statistics.median(rates[first]), "/s"
            ),
            Figure(
                f"page_{order}_last",
                f"last of {pages} pages by {order} / first, rate",
                statistics.median(ratios),
                "",
                at_least=0.8,
            ),
        ]
    return figures


def _last_page(web: WebServer, first: str, key: str) -> tuple[str, int]:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=30)
    target, pages = first, 1
    while True:
        connection.request("GET", target, headers={"Authorization": f"Bearer {key}"})
        body = json.loads(connection.getresponse().read())
        if body["next"] is None:
            return target, pages
        target = "/" + body["next"].split("/", 3)[3]
        pages += 1


def _forever(request: bytes) -> Iterator[bytes]:
    while True:
        yield request


# A change of every price


def _measure_price_change(
    web: WebServer, size: Any, keys: list[str], url: str, *, seconds: float
) -> list[Figure]:
    """From the commit until the last message has its number, with merchants at work meanwhile."""
    from catalog.models import Sku
    from openplatform.messaging.models import Message

    sku_ids = list(Sku.objects.order_by("pk").values_list("pk", flat=True))
    with _working() as _worker, psycopg.connect(url, autocommit=True) as aside:
        with _paced(web, size, keys) as before:
            time.sleep(max(seconds * 4, 20.0))
        told = Message.objects.filter(type="price.changed").count()
        with _paced(web, size, keys) as during:
            began = time.perf_counter()
            _change_prices(sku_ids)
            written = time.perf_counter()
            _wait_until_sequenced(aside)
            sequenced = time.perf_counter()
    told = Message.objects.filter(type="price.changed").count() - told
    heard = sum(
        len(skus)
        for skus in Message.objects.filter(type="price.changed")
        .order_by("-pk")
        .values_list("data__skus", flat=True)[:told]
    )
    seers = size.merchants // size.pools
    expected = sum(len(size.pools_of(index)) * seers + 1 for index in range(size.skus))
    if heard != expected:
        raise Failed(f"{heard} prices told, {expected} expected")
    return [
        Figure("change_seconds", f"new prices of {size.skus} SKUs: written", written - began, "s"),
        Figure(
            "sequenced_seconds", f"… and told to merchants ({heard} times, {told} messages)",
            sequenced - began, "s", limit=120,
        ),
        Figure("p95_before", f"API at {RATE} a second before: p95", before.p95() * 1000, "ms"),
        Figure("p95_during", f"API at {RATE} a second meanwhile: p95", during.p95() * 1000, "ms"),
        Figure(
            "p95_ratio", "meanwhile / before", during.p95() / before.p95(), "×", limit=2.0
        ),
    ]  # fmt: skip


def _change_prices(sku_ids: list[int]) -> None:
    from decimal import Decimal

    from catalog.price_plans import How, PriceEdit, Rule
    from catalog.services.base_prices import change_prices
    from openplatform.core import clock

    change_prices(
        sku_ids=sku_ids,
        edit=PriceEdit(sale_price=Rule(How.PERCENT, Decimal(3))),
        effective_at=None,
        reason="bench",
        actor="bench",
        now=clock.now(),
    )


def _wait_until_sequenced(aside: psycopg.Connection[Any]) -> None:
    deadline = time.perf_counter() + PATIENCE
    while aside.execute("SELECT EXISTS (SELECT FROM messaging_outbox)").fetchone() == (True,):
        if time.perf_counter() > deadline:
            raise Failed("messages were not sequenced in time")
        time.sleep(LOOK_EVERY)


@contextmanager
def _working() -> Iterator[subprocess.Popen[bytes]]:
    """The worker's loops, as in production."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "worker", "--without-cluster"],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def _paced(web: WebServer, size: Any, keys: list[str]) -> Iterator[Paced]:
    """Merchants at work, RATE requests a second, until the block ends."""
    from tests.bench.catalogue_world import mixed_requests

    paced, stopping = Paced(), threading.Event()
    requests = mixed_requests(size, keys)
    taking = threading.Lock()
    threads = 8
    began = time.perf_counter()

    def send(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=30)
        turn = number
        while not stopping.is_set():
            due = began + turn / RATE
            stopping.wait(max(0.0, due - time.perf_counter()))
            with taking:
                method, target, key, body = next(requests)
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            due = max(due, time.perf_counter()) if turn == number else due
            connection.request(method, target, body=body or None, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
            paced.latencies.append(time.perf_counter() - due)
            if answer.status >= http.client.BAD_REQUEST:
                paced.refused.append(f"{answer.status} {content[:300]!r}")
            turn += threads
        connection.close()

    workers = [threading.Thread(target=send, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield paced
    finally:
        stopping.set()
        for worker in workers:
            worker.join()


def _as_text(figures: list[Figure]) -> str:
    def limit(figure: Figure) -> str:
        if figure.limit is not None:
            return f"≤ {figure.limit:g}"
        return "" if figure.at_least is None else f"≥ {figure.at_least:g}"

    return "\n".join(
        f"{figure.title:66}{figure.value:10.2f} {figure.unit:4}{limit(figure):>8}  {figure.verdict}"
        for figure in figures
    )


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.catalogue", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="the figures as JSON, too")
    parser.add_argument("--seconds", type=float, default=4.0, help="for each page and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--skus", type=int, default=50_000)
    parser.add_argument("--merchants", type=int, default=500)
    parser.add_argument("--pools", type=int, default=20)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
