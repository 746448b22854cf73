"""What is measured, and how: each case a few seconds at a time, the cases by turns."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from django.db import connection

from catalog.selectors.prices import PRICES
from tests.bench.database import CLAIMED, CONFIRMED, NOTHING, PLACED, Observer, run_pgbench
from tests.bench.load import Load, drive, http_request
from tests.bench.processes import HAS_PROC, WebServer, cpu_seconds
from tests.bench.world import (
    FIRST_CODE,
    HOT_SKUS,
    LINES,
    Merchant,
    World,
    claim_requests,
    confirm_requests,
    place_requests,
    price_requests,
    stock_requests,
)

WARM_UP_ORDERS = 400  # confirmed or claimed in the first, uncounted round
BUSY_MERCHANTS = 10  # each calls many times a second, so that its key is known


class Miscounted(Exception):
    """Rows and answers do not agree: what was measured is not what it says."""


@dataclass
class Stretch:
    """One case, driven once. CPU times in seconds, None where they cannot be seen."""

    load: Load
    app_cpu: float | None
    postgres_cpu: float | None

    @property
    def rate(self) -> float:
        return self.load.answered / self.load.seconds

    @property
    def cpu(self) -> float | None:
        """Seconds of web and Postgres for one request."""
        if self.postgres_cpu is None:
            return None
        return ((self.app_cpu or 0.0) + self.postgres_cpu) / self.load.answered


@dataclass
class Case:
    """Something to measure. ``effect`` is what one request adds to each counted table."""

    name: str
    title: str
    run: Callable[[float], Load]
    effect: dict[str, int]
    server: WebServer | None = None
    observer: Observer | None = None  # where it is not the bench's own database
    stretches: list[Stretch] = field(default_factory=list)


class Pending:
    """Orders to confirm or to claim on: made before a stretch, as many as it will need by the rate
    before.

    :param made_by: the function in ``functions.sql`` that makes them.
    """

    def __init__(
        self, prefix: str, merchants: Sequence[Merchant], *, made_by: str = "add_pending"
    ) -> None:
        self.prefix = prefix
        self.merchants = merchants
        self.made_by = made_by
        self.rate = 0.0
        self.first = 1
        self.number = 0

    def add(self, seconds: float) -> None:
        """Make those of the next stretch."""
        self.first += self.number
        self.number = max(int(self.rate * seconds), WARM_UP_ORDERS)
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            cursor.execute(
                f"SELECT bench.{self.made_by}(%s::text, %s::bigint, %s::int, %s::bigint[])",
                [
                    self.prefix,
                    self.first,
                    self.number,
                    [merchant.partner_id for merchant in self.merchants],
                ],
            )


@dataclass(frozen=True)
class Servers:
    """The four web servers that are compared."""

    platform: WebServer
    plain: WebServer
    unguarded: WebServer
    bare: WebServer


@dataclass(frozen=True)
class Among:
    """A copy of the world in which many orders were placed before."""

    orders: int
    web: WebServer
    observer: Observer


class Bench:
    """Every case on one world; ``measure`` drives them all once."""

    def __init__(
        self,
        *,
        url: str,
        world: World,
        servers: Servers,
        observer: Observer,
        among: Among | None = None,
    ) -> None:
        self.url = url
        self.world = world
        self.observer = observer
        many = Pending("C", world.merchants)
        one = Pending("D", world.merchants[:1])
        self.alone = Pending("P", world.merchants)
        paid = Pending("R", world.merchants, made_by="add_paid")
        self.pending = [many, one, self.alone, paid]
        place = place_requests(world)
        hot = place_requests(world, skus=HOT_SKUS)
        plain = place_requests(world, path="/plain/orders")
        web = servers.platform
        self.cases = [
            self._over_http("bare", "bare Django view", servers.bare, _bare, NOTHING),
            self._over_http("place", "place, HTTP", web, lambda: place, PLACED),
            self._in_postgres("place_postgres", "place, Postgres alone", self._place_script()),
            self._over_http(
                "place_plain", "place, plain DRF + ORM", servers.plain, lambda: plain, PLACED
            ),
            self._over_http("place_hot", "place, ten hot SKUs, HTTP", web, lambda: hot, PLACED),
            self._over_http(
                "confirm", "confirm, HTTP", web, lambda: self._confirm(many), CONFIRMED
            ),
            Case(
                "confirm_postgres", "confirm, Postgres alone", self._confirm_in_postgres, CONFIRMED
            ),
            self._over_http(
                "confirm_one", "confirm, one merchant, HTTP", web, lambda: self._confirm(one),
                CONFIRMED,
            ),
            self._over_http(
                "claim", "claim on three lines, HTTP", web, lambda: self._claim(paid), CLAIMED
            ),
        ]  # fmt: skip
        if among is not None:
            later = place_requests(world)
            case = self._over_http(
                "place_among", f"place among {among.orders:,} orders", among.web,
                lambda: later, PLACED,
            )  # fmt: skip
            case.observer = among.observer
            self.cases.insert(2, case)
        for number in (20, 100):
            prices = price_requests(world, skus=number)
            self.cases += [
                self._over_http(
                    f"prices_{number}", f"prices of {number}, HTTP", web,
                    lambda prices=prices: prices, NOTHING,  # type: ignore[misc]
                ),
                self._in_postgres(
                    f"prices_{number}_postgres", f"prices of {number}, Postgres alone",
                    _price_script(world, number), NOTHING,
                ),
            ]  # fmt: skip
        stock = stock_requests(world, skus=100)
        self.cases.append(
            self._over_http(
                "stock_100", "stock of 100 in a region, HTTP", web, lambda: stock, NOTHING
            )
        )
        busy = world.merchants[:BUSY_MERCHANTS]
        guarded = price_requests(world, skus=100, keys=[merchant.key for merchant in busy])
        unguarded = price_requests(
            world,
            skus=100,
            path="/api/v1/unguarded/prices",
            keys=[str(merchant.partner_id) for merchant in busy],
        )
        self.cases += [
            self._over_http(
                "prices_guarded", "prices of 100, ten merchants", web, lambda: guarded, NOTHING
            ),
            self._over_http(
                "prices_unguarded", "the same without key and limit", servers.unguarded,
                lambda: unguarded, NOTHING,
            ),
        ]  # fmt: skip

    def measure(self, seconds: float) -> None:
        """Drive each case for so long.

        :raises Miscounted: see there.
        """
        for pending in self.pending:
            pending.add(seconds)
        for observer in {self.observer, *(case.observer or self.observer for case in self.cases)}:
            observer.settle()
        for case in self.cases:
            case.stretches.append(self._measure(case, seconds))
        for pending, name in zip(
            self.pending, ("confirm", "confirm_one", "confirm_postgres", "claim"), strict=True
        ):
            pending.rate = self.case(name).stretches[-1].rate

    def case(self, name: str) -> Case:
        """By its name."""
        return next(case for case in self.cases if case.name == name)

    def forget(self) -> None:
        """What was measured so far was for warming up."""
        for case in self.cases:
            case.stretches.clear()

    def _measure(self, case: Case, seconds: float) -> Stretch:
        observer = case.observer or self.observer
        counts = observer.counts()
        web, postgres = _web_cpu(case.server), self.observer.cpu_seconds()
        load = case.run(seconds)
        app_cpu = None if web is None else (_web_cpu(case.server) or 0.0) - web
        postgres_cpu = None if postgres is None else (self.observer.cpu_seconds() or 0.0) - postgres
        if load.refused:
            raise Miscounted(f"{case.title}: {len(load.refused)} refused: {load.refused[0]!r}")
        after = observer.counts()
        for table, number in case.effect.items():
            if after[table] - counts[table] != number * load.answered:
                raise Miscounted(
                    f"{case.title}: {load.answered} answers of 2xx and "
                    f"{after[table] - counts[table]} {table}, {number} expected for each"
                )
        return Stretch(load, app_cpu, postgres_cpu)

    def _over_http(
        self,
        name: str,
        title: str,
        server: WebServer,
        requests: Callable[[], Iterator[bytes]],
        effect: dict[str, int],
    ) -> Case:
        def run(seconds: float) -> Load:
            return drive(port=server.port, requests=requests(), seconds=seconds)

        return Case(name, title, run, effect, server)

    def _in_postgres(
        self, name: str, title: str, script: str, effect: dict[str, int] = PLACED
    ) -> Case:
        def run(seconds: float) -> Load:
            return run_pgbench(url=self.url, script=script, seconds=seconds)

        return Case(name, title, run, effect)

    def _confirm(self, pending: Pending) -> Iterator[bytes]:
        return confirm_requests(
            self.world,
            pending.merchants,
            prefix=pending.prefix,
            first=pending.first,
            number=pending.number,
        )

    def _claim(self, paid: Pending) -> Iterator[bytes]:
        return claim_requests(
            paid.merchants, prefix=paid.prefix, first=paid.first, number=paid.number
        )

    def _confirm_in_postgres(self, seconds: float) -> Load:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT setval('bench.confirmed_nos', %s::bigint, false)", [self.alone.first]
            )
        return run_pgbench(
            url=self.url,
            script="SELECT bench.confirm_order();\n",
            seconds=seconds,
            transactions=self.alone.number,
        )

    def _place_script(self) -> str:
        """Merchants and SKUs drawn evenly; each SKU lies less than a third of all past the last."""
        skus = self.world.skus
        step = (skus - 1) // LINES
        drawn = [
            _partner_drawn(self.world),
            f"\\set s1 random(0, {skus - 1})",
            f"\\set s2 (:s1 + random(1, {step})) % {skus}",
            f"\\set s3 (:s2 + random(1, {step})) % {skus}",
            *(f"\\set c{n} {FIRST_CODE} + :s{n}" for n in range(1, LINES + 1)),
            "SELECT bench.place_order(:partner, ARRAY[:c1, :c2, :c3]::text[]);",
        ]
        return "\n".join(drawn) + "\n"


def _price_script(world: World, number: int) -> str:
    last_code = FIRST_CODE + world.skus - 1
    codes = ", ".join(f":c{n}" for n in range(number))
    statement = PRICES.replace("%(codes)s", f"ARRAY[{codes}]").replace("%(partner_id)s", ":partner")
    return "\n".join(
        [
            _partner_drawn(world),
            *(f"\\set c{n} random({FIRST_CODE}, {last_code})" for n in range(number)),
            " ".join(statement.split()) + ";\n",
        ]
    )


def _partner_drawn(world: World) -> str:
    """Partners were made one after the other in an empty table, so their ids are consecutive."""
    return f"\\set partner random({min(world.partner_ids)}, {max(world.partner_ids)})"


def _bare() -> Iterator[bytes]:
    request = http_request("GET", "/bare", key="none")
    while True:
        yield request


def _web_cpu(server: WebServer | None) -> float | None:
    return cpu_seconds(server.process.pid) if server is not None and HAS_PROC else None


def run_rounds(bench: Bench, *, rounds: int, seconds: float) -> float:
    """Warm up, then drive every case in each round; the seconds that it took."""
    started = time.perf_counter()
    bench.measure(min(seconds, 1.0))
    bench.forget()
    for _ in range(rounds):
        bench.measure(seconds)
    return time.perf_counter() - started


def merged_latencies(case: Case) -> array[float]:
    """Of all rounds, sorted."""
    return array("d", sorted(x for stretch in case.stretches for x in stretch.load.latencies))
