"""The names of all places in memory, to find them in a text. One index per process."""

from __future__ import annotations

import threading
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from openplatform.core.statements import send
from openplatform.regions.names import full_name, short_names

# In one statement, so that the rows are those of the version.
READ = """
    SELECT (SELECT version FROM regions_regionlibrary LIMIT 1),
        array_agg(region.code ORDER BY region.code),
        array_agg(region.parent_id ORDER BY region.code),
        array_agg(region.level ORDER BY region.code),
        array_agg(region.name ORDER BY region.code),
        array_agg(CASE WHEN region.is_retired THEN successor.code ELSE region.code END
            ORDER BY region.code)
    FROM regions_region region
    LEFT JOIN regions_region successor
        ON successor.code = region.successor_id AND NOT successor.is_retired
"""
NOWHERE = -1
KEY = 2  # characters of a name by which it is looked up


@dataclass(frozen=True, slots=True)
class Mention:
    """A name in the text, and the places that bear it: positions in the index, by code."""

    start: int
    end: int
    full: Sequence[int]
    short: Sequence[int]


class RegionIndex:
    """Names of places, and which place lies in which.

    A place is a position in ``codes``, ``names``, ``levels``, ``parents``; a lower position is a
    lower code. ``follows`` is the place itself or, for a retired one, its successor: a retired
    place is found by its own name when it has one. ``above`` has the places that a place lies in,
    nearest first, then those of its successor.
    """

    def __init__(
        self,
        *,
        version: str,
        codes: Sequence[str],
        parents: Sequence[str | None],
        levels: Sequence[int],
        names: Sequence[str],
        follows: Sequence[str | None],
    ) -> None:
        self.version = version
        self.codes = list(codes)
        self.names = list(names)
        self.levels = bytes(levels)
        position = {code: place for place, code in enumerate(codes)}
        self.parents = array(
            "i", [NOWHERE if parent is None else position[parent] for parent in parents]
        )
        self.follows = array("i", [NOWHERE if code is None else position[code] for code in follows])
        self.above = self._places_above()
        found = list(self._found())
        self._full = _group((name, place) for place, name in found)
        self._short = _group(
            (short, place)
            for place, name in found
            for short in short_names(name, self.levels[place])
        )
        self._lengths = self._lengths_by_key()

    def path(self, place: int) -> list[int]:
        """The places from the province down to it."""
        path = []
        while place != NOWHERE:
            path.append(place)
            place = self.parents[place]
        return path[::-1]

    def mentions(self, text: str) -> Iterator[Mention]:
        """Every name in a normalized text, by start, the longest first."""
        size = len(text)
        for start in range(size - KEY + 1):
            for length in self._lengths.get(text[start : start + KEY], ()):
                if start + length <= size:
                    name = text[start : start + length]
                    full, short = self._full.get(name, ()), self._short.get(name, ())
                    if full or short:
                        yield Mention(start, start + length, full, short)

    def _places_above(self) -> list[tuple[int, ...]]:
        # Children of one place share one tuple: there are 12 times as many places as parents.
        below: dict[int, tuple[int, ...]] = {}
        above: list[tuple[int, ...]] = []
        for parent in self.parents:
            if parent not in below:
                below[parent] = tuple(self.path(parent)[::-1])
            above.append(below[parent])
        for place, follower in enumerate(self.follows):
            if follower not in (place, NOWHERE):
                also = (follower, *above[follower])
                above[place] += tuple(one for one in also if one not in above[place])
        return above

    def _found(self) -> Iterator[tuple[int, str]]:
        for place, name in enumerate(self.names):
            called = full_name(name)
            if called and self.follows[place] != NOWHERE:
                yield place, called

    def _lengths_by_key(self) -> dict[str, tuple[int, ...]]:
        lengths: dict[str, set[int]] = defaultdict(set)
        for names in (self._full, self._short):
            for name in names:
                lengths[name[:KEY]].add(len(name))
        shared: dict[tuple[int, ...], tuple[int, ...]] = {}
        result = {}
        for key, found in lengths.items():
            ordered = tuple(sorted(found, reverse=True))
            result[key] = shared.setdefault(ordered, ordered)
        return result


def _group(pairs: Iterable[tuple[str, int]]) -> dict[str, tuple[int, ...]]:
    grouped: dict[str, list[int]] = defaultdict(list)
    for name, place in pairs:
        grouped[name].append(place)
    return {name: tuple(places) for name, places in grouped.items()}


_building = threading.Lock()
_built: RegionIndex | None = None


def get_index(version: str) -> RegionIndex:
    """The index of the library that is loaded; built when the one at hand is of another version.

    Building takes about a second of one thread; others that need it wait for it.
    """
    global _built  # noqa: PLW0603 - one per process, replaced as a whole
    index = _built
    if index is None or index.version != version:
        with _building:
            index = _built
            if index is None or index.version != version:
                index = _built = _build()
    return index


def _build() -> RegionIndex:
    row = send(READ).row()
    assert row is not None  # noqa: S101 - an aggregate always answers
    version, codes, parents, levels, names, follows = row
    return RegionIndex(
        version=version,
        codes=codes,
        parents=parents,
        levels=levels,
        names=names,
        follows=follows,
    )
