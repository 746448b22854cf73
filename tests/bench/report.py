"""The table, and the ratios that say how good it is."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.bench.measuring import Bench, Case, merged_latencies

# Orders a second, placed and paid, of Saleor and django-oscar-api on two cores on which the bare
# view came to PEERS_BARE; how they were measured stands in docs/performance.md.
PEERS_BARE, SALEOR, OSCAR = 7800.0, 4.1, 12.9

type_of_round = Mapping[str, float]


@dataclass(frozen=True)
class Ratio:
    """Two cases held against each other within each round; the median counts."""

    name: str
    title: str
    gate: float
    aim: float
    unit: str
    in_round: Callable[[type_of_round, type_of_round], float]

    def values(self, bench: Bench) -> list[float]:
        """One for each round; none when CPU times cannot be seen here."""
        found = []
        for index in range(len(bench.cases[0].stretches)):
            rates = {case.name: case.stretches[index].rate for case in bench.cases}
            cpu = {case.name: case.stretches[index].cpu for case in bench.cases}
            seen = {name: value for name, value in cpu.items() if value}
            try:
                found.append(self.in_round(rates, seen))
            except KeyError:
                return []
        return found


def _over(numerator: str, denominator: str) -> Callable[[type_of_round, type_of_round], float]:
    return lambda rates, _cpu: rates[numerator] / rates[denominator]


def _against_peer(peer: float) -> Callable[[type_of_round, type_of_round], float]:
    def ratio(rates: type_of_round, _cpu: type_of_round) -> float:
        both = 1 / (1 / rates["place"] + 1 / rates["confirm"])
        return both / (peer * rates["bare"] / PEERS_BARE)

    return ratio


RATIOS = (
    Ratio("place_postgres", "place / one Postgres function, rate", 0.25, 0.35, "%",
          _over("place", "place_postgres")),
    Ratio("place_cpu", "place: CPU of the function / of all over HTTP", 0.25, 0.35, "%",
          lambda _rates, cpu: cpu["place_postgres"] / cpu["place"]),
    Ratio("place_plain", "place / plain DRF + ORM, rate", 5, 7, "×",
          _over("place", "place_plain")),
    Ratio("place_among", "place among so many orders / among few, rate", 0.85, 0.95, "",
          _over("place_among", "place")),
    Ratio("place_hot", "place on ten hot SKUs / uniform, rate", 0.85, 1.0, "",
          _over("place_hot", "place")),
    Ratio("confirm_postgres", "confirm: CPU of the function / of all over HTTP", 0.35, 0.45, "%",
          lambda _rates, cpu: cpu["confirm_postgres"] / cpu["confirm"]),
    Ratio("confirm_one", "confirm, one merchant / all, rate", 0.6, 0.75, "",
          _over("confirm_one", "confirm")),
    Ratio("claim", "claim / place, rate", 0.5, 0.75, "", _over("claim", "place")),
    Ratio("prices_20", "prices of 20 / the statement alone, rate", 0.11, 0.16, "%",
          _over("prices_20", "prices_20_postgres")),
    Ratio("prices_100", "prices of 100 / the statement alone, rate", 0.20, 0.25, "%",
          _over("prices_100", "prices_100_postgres")),
    Ratio("stock_100", "stock of 100 in a region / prices of 100, rate", 0.70, 0.85, "%",
          _over("stock_100", "prices_100")),
    Ratio("guarded_cpu", "prices of 100: CPU without key and limit / with", 0.8, 0.85, "%",
          lambda _rates, cpu: cpu["prices_unguarded"] / cpu["prices_guarded"]),
    Ratio("guarded_rate", "prices of 100: with key and limit / without, rate", 0.8, 0.85, "%",
          _over("prices_guarded", "prices_unguarded")),
    Ratio("saleor", "place + confirm / Saleor, scaled", 100, 150, "×", _against_peer(SALEOR)),
    Ratio("oscar", "place + confirm / oscar, scaled", 30, 50, "×", _against_peer(OSCAR)),
)  # fmt: skip


def as_document(bench: Bench, *, seconds: float, took: float) -> dict[str, Any]:
    """Everything as plain data: rates a second, times in milliseconds."""
    rounds = len(bench.cases[0].stretches)
    return {
        "rounds": rounds,
        "seconds": seconds,
        "took": round(took, 1),
        "cores": os.cpu_count(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "cases": [_case_document(case) for case in bench.cases],
        "ratios": [
            _ratio_document(ratio, ratio.values(bench))
            for ratio in RATIOS
            if ratio.name != "place_among"
            or any(case.name == "place_among" for case in bench.cases)
        ],
    }


def _case_document(case: Case) -> dict[str, Any]:
    loads = [stretch.load for stretch in case.stretches]
    answered = sum(load.answered for load in loads)
    latencies = merged_latencies(case)

    def per_request(cpu: list[float | None]) -> float | None:
        known = [value for value in cpu if value is not None]
        return round(sum(known) * 1000 / answered, 3) if len(known) == len(cpu) else None

    return {
        "name": case.name,
        "title": case.title,
        "answered": answered,
        "rate": round(answered / sum(load.seconds for load in loads), 1),
        "rates": [round(stretch.rate, 1) for stretch in case.stretches],
        "app_cpu_ms": per_request([stretch.app_cpu for stretch in case.stretches]),
        "postgres_cpu_ms": per_request([stretch.postgres_cpu for stretch in case.stretches]),
        "client_cpu_ms": per_request([load.client_cpu for load in loads]),
        "p50_ms": round(latencies[len(latencies) // 2] * 1000, 2),
        "p99_ms": round(latencies[int(len(latencies) * 0.99)] * 1000, 2),
    }


def _ratio_document(ratio: Ratio, values: list[float]) -> dict[str, Any]:
    median = statistics.median(values) if values else None
    verdict = "not seen"
    if median is not None:
        verdict = "below the gate"
        if median >= ratio.gate:
            verdict = "at the aim" if median >= ratio.aim else "past the gate"
    return {
        "name": ratio.name,
        "title": ratio.title,
        "value": median if median is None else round(median, 3),
        "rounds": [round(value, 3) for value in values],
        "gate": ratio.gate,
        "aim": ratio.aim,
        "unit": ratio.unit,
        "verdict": verdict,
    }


def as_text(document: dict[str, Any]) -> str:
    """The document for people."""
    head = f"{'':34}{'a second':>9}  {'CPU ms each:':>12} {'':>8}{'':>8}{'p50':>8}{'p99':>9}"
    names = f"{'':34}{'':>9}  {'app':>12} {'Postgres':>8}{'client':>8}{'ms':>8}{'ms':>9}"
    lines = [head, names]
    lines += [
        f"{case['title']:34}{case['rate']:9.0f}  {_shown(case['app_cpu_ms']):>12} "
        f"{_shown(case['postgres_cpu_ms']):>8}{_shown(case['client_cpu_ms']):>8}"
        f"{case['p50_ms']:8.1f}{case['p99_ms']:9.1f}"
        for case in document["cases"]
    ]
    lines += ["", f"{'':50}{'ratio':>8}{'rounds':>16}{'gate':>8}{'aim':>8}"]
    lines += [_ratio_line(ratio) for ratio in document["ratios"]]
    lines.append(
        f"\n{document['rounds']} rounds of {document['seconds']:g} s a case, all by turns, on "
        f"{document['cores']} cores shared by client, web and Postgres; load average at the end "
        f"{document['load_average'][0]}; {document['took']:.0f} s. Rows and answers agree."
    )
    return "\n".join(lines)


def _shown(number: float | None) -> str:
    return "–" if number is None else f"{number:.2f}"


def _ratio_line(ratio: dict[str, Any]) -> str:
    unit = ratio["unit"]

    def text(value: float) -> str:
        if unit == "%":
            return f"{value * 100:.0f} %"
        return f"{value:.1f} ×" if unit == "×" else f"{value:.2f}"

    if ratio["value"] is None:
        return f"{ratio['title']:50}{'–':>8}{'':>16}{text(ratio['gate']):>8}{text(ratio['aim']):>8}"
    spread = f"{text(min(ratio['rounds']))} – {text(max(ratio['rounds']))}"
    return (
        f"{ratio['title']:50}{text(ratio['value']):>8}{spread:>16}{text(ratio['gate']):>8}"
        f"{text(ratio['aim']):>8}  {ratio['verdict']}"
    )
