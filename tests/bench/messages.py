"""How fast messages are numbered and pushed, how soon, and at what cost.

    python -m tests.bench.messages

Makes its own database, worker and receivers, measures, prints, and takes all down again. Exit
status 1 when the run proves nothing, whatever the figures.
"""

from __future__ import annotations

import argparse
import functools
import http.client
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openplatform.core.environment import read_path
from openplatform.demo.supervisor import ROOT
from tests.bench.__main__ import as_in_production
from tests.bench.database import NotDurable, Observer, own_database
from tests.bench.message_report import PACE, SLOW, Figure, as_document, as_text, figures
from tests.bench.processes import cpu_seconds, working

PARTNERS = 20  # each with an endpoint, or none, as the case wants it
SEQUENCED_EACH_SECOND = 5_000  # of a stretch: how much is made ready for it
PUSHED_EACH_SECOND = 1_000
IDLE_PAUSES = 0.2, 0.6  # seconds between two messages to an idle worker
PATIENCE = 90.0  # seconds, for anything
LOOK_EVERY = 0.05  # seconds
TYPE = "order.created"

FILL_OUTBOX = """
    INSERT INTO messaging_outbox (type, subject, partner_ids, data)
    SELECT %(type)s, 'order:' || n,
        ARRAY[(%(partner_ids)s::bigint[])[1 + n %% array_length(%(partner_ids)s::bigint[], 1)]],
        %(data)s::jsonb
    FROM generate_series(1, %(count)s) AS n
"""
# Three messages of an order, as far from each other as there is room.
FILL_LOG = """
    WITH moved AS (
        INSERT INTO messaging_messagecursor AS known (partner_id, last_sequence)
        SELECT unnest(%(partner_ids)s::bigint[]), %(each)s
        ON CONFLICT (partner_id) DO UPDATE
            SET last_sequence = known.last_sequence + excluded.last_sequence
        RETURNING partner_id, last_sequence - %(each)s AS before
    )
    INSERT INTO messaging_message
        (message_id, partner_id, sequence, type, subject, data, created_at)
    SELECT 'msg_' || replace(gen_random_uuid()::text, '-', ''), partner_id, before + n, %(type)s,
        'order:' || (before + n) %% greatest(%(each)s / 3, 1), %(data)s::jsonb, clock_timestamp()
    FROM moved CROSS JOIN generate_series(1, %(each)s) AS n
    ORDER BY n, partner_id
"""


class Failed(Exception):
    """Something that was to be measured did not happen; the text says what."""


# What is measured with


class Receivers:
    """A process that stands for every partner's receiver."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.receiver"], cwd=ROOT, stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self._port = int(self._process.stdout.readline())

    def url(self, milliseconds: int) -> str:
        """Of one that takes so long."""
        return f"http://127.0.0.1:{self._port}/{milliseconds}/hooks"

    def count(self) -> int:
        """How many requests came since they were last listed."""
        return int(self._get("/count"))

    def arrivals(self) -> list[tuple[str, float]]:
        """Message and moment of each request since they were last listed."""
        lines = [line.split(" ") for line in self._get("/arrivals").splitlines()]
        return [(message_id, float(at)) for message_id, at in lines]

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def _get(self, path: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()


@dataclass
class Costs:
    """CPU seconds; None where they cannot be seen."""

    program: float = 0.0
    postgres: float | None = None


class Stage:
    """Partners and endpoints in a database, the receivers, and what looks on from aside."""

    def __init__(self, url: str, receivers: Receivers, environment: Mapping[str, str]) -> None:
        self.observer = Observer(url)
        self.aside = self.observer.connection
        self.receivers = receivers
        self.environment = environment

    def add_partners(self, name: str, number: int, *, milliseconds: int | None) -> list[int]:
        """Partners; unless ``milliseconds`` is None, each with an endpoint that takes so long."""
        from accounts.services.partners import add_partner
        from openplatform.core import clock
        from openplatform.core.locking import transactional
        from openplatform.messaging.services.endpoints import create_endpoint

        partner_ids = []
        for index in range(number):
            partner = transactional(add_partner)(
                code=f"bench-{name}-{index}", name=f"Bench {name} {index}", actor="bench",
                now=clock.now(),
            )  # fmt: skip
            partner_ids.append(partner.pk)
            if milliseconds is not None:
                create_endpoint(
                    partner_id=partner.pk, url=self.receivers.url(milliseconds), types=(),
                    description="", headers={}, actor="bench",
                )  # fmt: skip
        return partner_ids

    @contextmanager
    def working(self, *parts: str) -> Iterator[subprocess.Popen[bytes]]:
        """The worker, with these parts or with all."""
        arguments = [argument for part in parts for argument in ("--part", part)]
        with working(self.environment, *arguments) as worker:
            yield worker

    @contextmanager
    def counting(self, worker: subprocess.Popen[bytes]) -> Iterator[Costs]:
        """What the worker and Postgres use while the block runs."""
        costs = Costs()
        program, postgres = cpu_seconds(worker.pid), self.observer.cpu_seconds()
        yield costs
        costs.program = cpu_seconds(worker.pid) - program
        if postgres is not None:
            costs.postgres = (self.observer.cpu_seconds() or 0.0) - postgres

    def fill(self, statement: str, **values: Any) -> None:
        """Messages by the thousand; nobody is told."""
        self.aside.execute(
            statement.encode(), {"type": TYPE, "data": json.dumps(example(TYPE)), **values}
        )

    def nudge(self) -> float:
        """Tell the worker; the moment."""
        began = time.monotonic()
        for channel in ("outbox", "messages"):
            self.aside.execute(f'NOTIFY "{channel}"'.encode())
        return began

    def has_rows(self, condition: str) -> bool:
        """Whether there are rows: ``FROM …``."""
        return self.aside.execute(f"SELECT EXISTS (SELECT {condition})".encode()).fetchone() == (
            True,
        )


def example(type_name: str) -> dict[str, Any]:
    """What a message of this type is about."""
    from openplatform.messaging.events.schemas import example_data

    return example_data(type_name)


def wait_until(is_done: Callable[[], bool], what: str) -> None:
    """:raises Failed: when it does not come."""
    deadline = time.monotonic() + PATIENCE
    while not is_done():
        if time.monotonic() > deadline:
            raise Failed(f"{what} in vain for {PATIENCE:.0f} s")
        time.sleep(LOOK_EVERY)


# What is measured


def measure_sequencing(
    stage: Stage, partner_ids: Sequence[int], *, number: int, rounds: int, into: dict[str, Figure]
) -> None:
    """A filled outbox, from its commit until all of it has numbers; the sequencer was up before."""

    def sequence(worker: subprocess.Popen[bytes], count: int) -> tuple[float, Costs]:
        """Seconds, and what they cost."""
        wanted = _last_sequences(stage, partner_ids) + count
        stage.fill(FILL_OUTBOX, partner_ids=partner_ids, count=count)
        with stage.counting(worker) as costs:
            began = stage.nudge()
            wait_until(lambda: _last_sequences(stage, partner_ids) >= wanted, "sequenced")
            seconds = time.monotonic() - began
        if _last_sequences(stage, partner_ids) != wanted:
            raise Failed("more messages have a number than there were")
        return seconds, costs

    with stage.working("sequence messages") as worker:
        sequence(worker, len(partner_ids))
        for _round in range(rounds):
            stage.observer.settle()
            seconds, costs = sequence(worker, number)
            into["sequenced"].rounds.append(number / seconds)
            _add_costs(into, "sequencing_cpu", "sequencing_postgres", costs, number)


def measure_pushing(
    stage: Stage, cases: Mapping[int, Sequence[int]], *, seconds: float, rounds: int,
    into: dict[str, Figure],
) -> None:  # fmt: skip
    """A filled log, from its commit until the last request has come, and the results are written.

    :param cases: the partners, by the milliseconds that their receivers take.
    """
    with stage.working("deliver webhooks") as worker:
        for partner_ids in cases.values():
            _push(stage, worker, partner_ids, each=5)
        for _round in range(rounds):
            for milliseconds, partner_ids in cases.items():
                rate = PUSHED_EACH_SECOND / (2 if milliseconds else 1)
                each = max(round(rate * seconds / len(partner_ids)), 1)
                stage.observer.settle()
                pushed, costs = _push(stage, worker, partner_ids, each=each)
                into[f"pushed_{milliseconds}"].rounds.append(pushed)
                _add_costs(
                    into, f"pushing_cpu_{milliseconds}", f"pushing_postgres_{milliseconds}", costs,
                    each * len(partner_ids),
                )  # fmt: skip


def _push(
    stage: Stage, worker: subprocess.Popen[bytes], partner_ids: Sequence[int], *, each: int
) -> tuple[float, Costs]:
    number = each * len(partner_ids)
    stage.receivers.arrivals()
    stage.fill(FILL_LOG, partner_ids=partner_ids, each=each)
    with stage.counting(worker) as costs:
        began = stage.nudge()
        wait_until(lambda: stage.receivers.count() >= number, "pushed")
        _wait_for_results(stage)
    arrivals = stage.receivers.arrivals()
    if not len(arrivals) == len({message_id for message_id, _at in arrivals}) == number:
        raise Failed(f"{len(arrivals)} requests for {number} messages")
    return number / (max(at for _message_id, at in arrivals) - began), costs


def measure_latency(
    stage: Stage, partner_ids: Sequence[int], pauses: Callable[[int], float], *, number: int
) -> list[float]:
    """Seconds from the commit of a message until its first attempt came, sorted. By the whole way:
    from the outbox into the log, from there to the receiver.

    :param pauses: when the n-th is due, in seconds from the beginning.
    """
    committed: dict[str, float] = {}
    drawn = random.Random(1)
    run = f"{time.monotonic_ns()}"
    stage.receivers.arrivals()
    began = time.monotonic()
    for n in range(number):
        time.sleep(max(began + pauses(n) - time.monotonic(), 0.0))
        _tell(drawn.choice(partner_ids), f"order:{run}-{n}", committed)
    wait_until(lambda: stage.receivers.count() >= number, "pushed")
    arrivals = dict(stage.receivers.arrivals())
    subjects = stage.aside.execute(
        "SELECT message_id, subject FROM messaging_message WHERE subject LIKE %s",
        [f"order:{run}-%"],
    ).fetchall()
    if len(arrivals) != number or arrivals.keys() != {message_id for message_id, _ in subjects}:
        raise Failed(f"{len(arrivals)} messages came of {number}")
    return sorted(arrivals[message_id] - committed[subject] for message_id, subject in subjects)


def _tell(partner_id: int, subject: str, committed: dict[str, float]) -> None:
    from django.db import transaction

    from openplatform.core.locking import transactional
    from openplatform.messaging.services.publishing import publish

    @transactional
    def tell() -> None:
        # Registered first, so it is called before the nudge is sent.
        transaction.on_commit(lambda: committed.update({subject: time.monotonic()}))
        publish(type=TYPE, subject=subject, data=example(TYPE), partner_ids=[partner_id])

    tell()


def measure_idleness(
    stage: Stage, worker: subprocess.Popen[bytes], *, seconds: float, into: dict[str, Figure]
) -> None:
    """What the worker and Postgres use while there is nothing to do."""
    time.sleep(seconds / 6)  # what went before is over
    began = time.monotonic()
    with stage.counting(worker) as costs:
        time.sleep(seconds)
        took = time.monotonic() - began
    into["worker_idle"].rounds.append(costs.program / took * 100)
    if costs.postgres is not None:
        into["postgres_idle"].rounds.append(costs.postgres / took * 100)


def _wait_for_results(stage: Stage) -> None:
    wait_until(
        lambda: not stage.has_rows("FROM messaging_webhookdelivery WHERE status = 'pending'"),
        "waited for results",
    )


def _last_sequences(stage: Stage, partner_ids: Sequence[int]) -> int:
    row = stage.aside.execute(
        "SELECT coalesce(sum(last_sequence), 0) FROM messaging_messagecursor"
        " WHERE partner_id = ANY(%s)",
        [list(partner_ids)],
    ).fetchone()
    return int(row[0]) if row else 0


def _add_costs(
    into: dict[str, Figure], program: str, postgres: str, costs: Costs, number: int
) -> None:
    into[program].rounds.append(costs.program / number * 1000)
    if costs.postgres is not None:
        into[postgres].rounds.append(costs.postgres / number * 1000)


def percentile(latencies: Sequence[float], percent: int) -> float:
    """Milliseconds."""
    return statistics.quantiles(latencies, n=100, method="inclusive")[percent - 1] * 1000


# The command


def main() -> int:
    """See the module."""
    options = _read_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all is taken down then, too
    data = read_path("DATA_DIR", ROOT / ".data")
    try:
        with own_database(data / "bench-postgres") as url:
            return _run(options, url)
    except (Failed, NotDurable) as failure:
        print(f"{type(failure).__name__}: {failure}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace, url: str) -> int:
    began = time.monotonic()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        Path(directory, "static").mkdir()
        environment = as_in_production(url, str(directory))
        environment["WEBHOOK_PRIVATE_HOSTS"] = "127.0.0.1"
        os.environ.update(environment)
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        stack.callback(connection.close)
        print("Migrations …", flush=True)
        call_command("migrate", verbosity=0)
        receivers = Receivers()
        stack.callback(receivers.stop)
        stage = Stage(url, receivers, environment)
        stack.callback(stage.aside.close)
        into = figures()
        measure_all(stage, seconds=options.seconds, rounds=options.rounds, into=into)
    document = as_document(into, rounds=options.rounds, took=time.monotonic() - began)
    print(as_text(document))
    if options.json:
        options.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return 0


def measure_all(
    stage: Stage, *, seconds: float, rounds: int, into: dict[str, Figure], partners: int = PARTNERS
) -> None:
    """Everything once, sequencing and pushing ``rounds`` times.

    :param seconds: about so long takes a stretch of a worker that is just past the gate.
    """
    readers = stage.add_partners("feed", partners, milliseconds=None)
    print("Sequencing …", flush=True)
    number = max(round(SEQUENCED_EACH_SECOND * seconds), 1)
    measure_sequencing(stage, readers, number=number, rounds=rounds, into=into)
    quick = stage.add_partners("quick", partners, milliseconds=0)
    slow = stage.add_partners("slow", partners, milliseconds=SLOW)
    print("Pushing …", flush=True)
    measure_pushing(stage, {0: quick, SLOW: slow}, seconds=seconds, rounds=rounds, into=into)
    print("One message at a time, many, none …", flush=True)
    with stage.working() as worker:
        measure_latency(stage, quick, lambda n: 0.0, number=1)  # it is up
        drawn = random.Random(2)
        dues = functools.reduce(
            lambda sums, _n: [*sums, sums[-1] + drawn.uniform(*IDLE_PAUSES)],
            range(max(round(10 * seconds), 2)), [seconds],
        )  # fmt: skip
        latencies = measure_latency(stage, quick, dues.__getitem__, number=len(dues))
        into["idle_p50"].rounds.append(percentile(latencies, 50))
        into["idle_p95"].rounds.append(percentile(latencies, 95))
        latencies = measure_latency(
            stage, slow, lambda n: n / PACE, number=max(round(3 * PACE * seconds), 2)
        )
        into["paced_p50"].rounds.append(percentile(latencies, 50))
        into["paced_p95"].rounds.append(percentile(latencies, 95))
        measure_idleness(stage, worker, seconds=6 * seconds, into=into)


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.messages", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="the figures as JSON, too")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each stretch, about")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
