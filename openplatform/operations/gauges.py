"""Figures that are read from the tables when somebody asks. Apps above register theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from openplatform.operations.selectors import list_beats


@dataclass(frozen=True, slots=True)
class Gauge:
    """One figure, or one for each set of labels. Names end with their unit.

    :param values: from the labels' values, in their order, to the figure.
    :param is_counter: it only grows.
    """

    name: str
    description: str
    values: Mapping[tuple[str, ...], float]
    labels: tuple[str, ...] = ()
    is_counter: bool = False


Reading = Callable[[], Iterable[Gauge]]

READINGS: list[Reading] = []


def register_gauges(reading: Reading) -> None:
    """Have ``/metrics`` tell these, too."""
    READINGS.append(reading)


def read_worker_gauges() -> Iterable[Gauge]:
    """How the parts of the workers are."""
    beats = list_beats()
    yield Gauge(
        "worker_beat_age_seconds",
        "Since the last sign of life of any worker that has this part",
        {(beat.part,): beat.age for beat in beats},
        ("part",),
    )
    yield Gauge(
        "worker_parts",
        "Workers with this part that gave a sign of life within the last minute",
        {(beat.part,): beat.living for beat in beats},
        ("part",),
    )
