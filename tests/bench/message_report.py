"""The figures of the bench of messages, what is asked of them, and the table."""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SLOW = 50  # milliseconds that a receiver takes
PACE = 50  # messages a second


@dataclass
class Figure:
    """What was measured, once for each round; the median counts."""

    name: str
    title: str
    unit: str
    gate: float | None = None
    aim: float | None = None
    is_floor: bool = False  # more is better
    rounds: list[float] = field(default_factory=list)

    @property
    def value(self) -> float:
        """The median."""
        return statistics.median(self.rounds)

    @property
    def verdict(self) -> str:
        """How good it is; nothing where nothing is asked for."""
        if self.gate is None:
            return ""
        if self.aim is not None and self._holds(self.aim):
            return "at the aim"
        return "past the gate" if self._holds(self.gate) else "not at the gate"

    def _holds(self, limit: float) -> bool:
        return self.value >= limit if self.is_floor else self.value <= limit


def figures() -> dict[str, Figure]:
    """Empty ones, by their names."""
    return {
        figure.name: figure
        for figure in (
            Figure("sequenced", "sequenced from a filled outbox", "/s", 5000, is_floor=True),
            Figure("sequencing_cpu", "… CPU of the sequencer", "ms each"),
            Figure("sequencing_postgres", "… CPU of Postgres", "ms each"),
            Figure("pushed_0", "pushed to receivers that answer at once", "/s", 1000,
                   is_floor=True),
            Figure("pushing_cpu_0", "… CPU of the pump", "ms each", 0.2, 0.15),
            Figure("pushing_postgres_0", "… CPU of Postgres", "ms each"),
            Figure("pushed_50", f"pushed to receivers that take {SLOW} ms", "/s", 500,
                   is_floor=True),
            Figure("pushing_cpu_50", "… CPU of the pump", "ms each", 0.2, 0.15),
            Figure("pushing_postgres_50", "… CPU of Postgres", "ms each"),
            Figure("idle_p50", "commit to first attempt when idle, p50", "ms", 10, 4),
            Figure("idle_p95", "… p95", "ms"),
            Figure("paced_p50", f"commit to first attempt at {PACE} a second, p50", "ms"),
            Figure("paced_p95", "… p95", "ms", 1000),
            Figure("worker_idle", "CPU of the whole worker when idle", "% of a core", 3),
            Figure("postgres_idle", "… CPU of Postgres", "% of a core"),
        )
    }  # fmt: skip


def as_document(into: Mapping[str, Figure], *, rounds: int, took: float) -> dict[str, Any]:
    """Everything that was measured, for programs."""
    return {
        "rounds": rounds,
        "cores": os.cpu_count(),
        "load_average": [round(load, 1) for load in os.getloadavg()],
        "took": round(took, 1),
        "figures": [
            {
                "name": figure.name,
                "title": figure.title,
                "value": round(figure.value, 3),
                "rounds": [round(value, 3) for value in figure.rounds],
                "unit": figure.unit,
                "gate": figure.gate,
                "aim": figure.aim,
                "verdict": figure.verdict,
            }
            for figure in into.values()
            if figure.rounds
        ],
    }


def as_text(document: dict[str, Any]) -> str:
    """The document for people."""
    lines = ["", f"{'':48}{'measured':>9} {'':12}{'rounds':>16}{'gate':>8}{'aim':>8}"]
    lines += [_line(figure) for figure in document["figures"]]
    lines.append(
        f"\n{document['rounds']} rounds by turns; worker, receivers and Postgres on the same "
        f"{document['cores']} cores; load average at the end {document['load_average'][0]}; "
        f"{document['took']:.0f} s. Every message came, and once."
    )
    return "\n".join(lines)


def _line(figure: dict[str, Any]) -> str:
    rounds = figure["rounds"]
    spread = f"{_shown(min(rounds))} – {_shown(max(rounds))}" if len(rounds) > 1 else ""
    return (
        f"{figure['title']:48}{_shown(figure['value']):>9} {figure['unit']:12}{spread:>16}"
        f"{_shown(figure['gate']):>8}{_shown(figure['aim']):>8}  {figure['verdict']}"
    ).rstrip()


def _shown(number: float | None) -> str:
    if number is None:
        return ""
    if number >= 100:
        return f"{number:.0f}"
    return f"{number:.1f}" if number >= 4 else f"{number:.2f}"
