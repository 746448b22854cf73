"""From the free text of an address to places of the library.

Every name of a place in the text is *evidence*. A *chain* is made of mentions that follow each
other in the text without overlapping, each of a place inside the one before, levels left out or
not: 江苏 → 鼓楼区. The last place of a chain is what it stands for; a chain's score is

    the sum over its mentions of   WEIGHT by level and by full or short name
                                   x DOUBT when the mention is part of something else:
                                     another name (海南 in 上海南京), or an institution (北京大学)
    plus for each step             LINK, less GAP for each character in between (at most LINK)
    plus BEHIND x another chain's  when that one follows in the text and the whole chain lies in
                                   its place (鼓楼区, 南京)

What is no evidence at all: a short name that goes on as the name of a road (北京路, 南京东路), a
town's short name that does not directly follow a place around it, and a development zone's name
(工业园区) unless it follows the place that has it. A short name is no step of a chain when it comes
more than MAX_SHORT_GAP characters after the place around it.

Of one mention, the places inside one that was named before are meant, if there are any; of a
place and one inside it with the same name (北京市, 吉林) the upper one. The best chain wins; a
chain is a rival when it rests on more or on something else than the winner, or on the very same
mentions (鼓楼区 alone: four places). At equal scores the first in the text comes first, then the
lower code.

``confidence`` is the share of a candidate among all of them, each counted BASE to the power of
its score, times the trust in the last mention: TRUST by level, for full or short, alone or inside
a place named before; less when the mention is in doubt, or a word that many places are named after
(新城). From 0.80 a program may take the first candidate unseen.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from openplatform.regions.index import Mention, RegionIndex
from openplatform.regions.models import Region
from openplatform.regions.names import MIN_LENGTH, is_zone, normalize

MAX_CANDIDATES = 10
PROVINCE, CITY, DISTRICT, TOWN = Region.Level.values

FULL_WEIGHT = {PROVINCE: 4.5, CITY: 4.0, DISTRICT: 3.5, TOWN: 2.5}
SHORT_WEIGHT = {PROVINCE: 4.3, CITY: 3.0, DISTRICT: 2.0, TOWN: 1.5}
DOUBT = 0.4
LINK = 1.0
GAP = 0.1
MAX_SHORT_GAP = 6  # characters, blanks and signs not counted
BEHIND = 0.8
BASE = 4.0
LEAST_SHARE = 0.1  # of the best one's; below, a rival is noise

# (full, inside a place named before) → trust by level
TRUST: dict[tuple[bool, bool], dict[int, float]] = {
    (True, True): {PROVINCE: 1.0, CITY: 1.0, DISTRICT: 1.0, TOWN: 1.0},
    (True, False): {PROVINCE: 1.0, CITY: 1.0, DISTRICT: 0.95, TOWN: 0.8},
    (False, True): {PROVINCE: 1.0, CITY: 1.0, DISTRICT: 0.97, TOWN: 0.8},
    (False, False): {PROVINCE: 0.98, CITY: 0.95, DISTRICT: 0.8, TOWN: 0.5},
}
DOUBTED_TRUST = 0.6
ZONE_TRUST = 0.8
FAR_TOWN_TRUST = 0.6  # 上海张江, without the district
MAX_BEARERS = 8  # more places than these with one short name: it is a word, too

ROAD = re.compile(
    r"[东南西北中前后内外上下新老环]{0,2}[一二三四五六七八九十0-9]{0,3}[东南西北中]?"
    r"(?:大道|大街|马路|路|街(?!道)|巷|弄|胡同|公路|高速|大桥|桥|立交|道(?![^0-9 ]))"
)
INSTITUTION = re.compile(
    r".{0,4}?(?:大学|学院|中学|小学|银行|大厦|广场|饭店|酒店|宾馆|医院|公寓|小区|花园|公园|有限公司|分公司|公司"
    r"|书店|超市|商城|机场|拉面|小吃|火锅|烤鸭)"
)


_Spans = frozenset[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place that the text may mean: its position in the index, from 0 to 1 how surely."""

    place: int
    confidence: float


@dataclass(frozen=True, slots=True)
class _Chain:
    score: float
    start: int
    end: int
    place: int
    is_full: bool
    is_doubted: bool  # the last mention
    is_word: bool
    before: _Chain | None

    def spans(self) -> _Spans:
        spans = []
        chain: _Chain | None = self
        while chain is not None:
            spans.append((chain.start, chain.end))
            chain = chain.before
        return frozenset(spans)

    @property
    def first(self) -> _Chain:
        chain = self
        while chain.before is not None:
            chain = chain.before
        return chain


def resolve(index: RegionIndex, text: str) -> list[Candidate]:
    """The places that the text may mean, best first, at most 10; none when it names none."""
    text = normalize(text)
    mentions = _without_roads(list(index.mentions(text)), text)
    chains = _Reader(index, text).read(mentions)
    return _ranked(index, chains) if chains else []


def _without_roads(mentions: list[Mention], text: str) -> list[Mention]:
    starts = {mention.start for mention in mentions}
    return [
        mention
        for mention in mentions
        # 石家庄桥西区: the bridge is the beginning of another place.
        if mention.end in starts or mention.full or not ROAD.match(text, mention.end)
    ]


class _Reader:
    """Reads the mentions of one text from left to right."""

    def __init__(self, index: RegionIndex, text: str) -> None:
        self.index = index
        self.text = text
        self.best: dict[int, _Chain] = {}  # by place, chains that ended where we are
        self.all: list[_Chain] = []
        self.alone: set[str] = set()  # names that were read without a place around them

    def read(self, mentions: Sequence[Mention]) -> list[_Chain]:
        """Every chain."""
        waiting: list[_Chain] = []
        start = -1
        for mention in mentions:
            if mention.start != start:
                start = mention.start
                waiting = self._pass(waiting, start)
            waiting += self._chains(mention, self._is_doubted(mention, mentions))
        self._pass(waiting, len(self.text))
        return self.all

    def _pass(self, waiting: list[_Chain], start: int) -> list[_Chain]:
        # Only what ended can be the beginning of what comes.
        later = []
        for chain in waiting:
            if chain.end > start:
                later.append(chain)
                continue
            self.all.append(chain)
            known = self.best.get(chain.place)
            if known is None or chain.score > known.score:
                self.best[chain.place] = chain
        return later

    def _is_doubted(self, mention: Mention, mentions: Iterable[Mention]) -> bool:
        for other in mentions:
            if other is mention or other.end <= mention.start or other.start >= mention.end:
                continue
            if mention.start <= other.start and other.end <= mention.end:
                continue
            mine, others = self._weight(mention), self._weight(other)
            if other.start <= mention.start and mention.end <= other.end:
                if other.full or others >= mine:
                    return True
            elif self._lies_in(mention, other):
                continue  # 济南市中区, short for 济南市市中区
            elif others > mine or (others == mine and other.start < mention.start):
                return True
        return not mention.full and INSTITUTION.match(self.text, mention.end) is not None

    def _lies_in(self, mention: Mention, other: Mention) -> bool:
        return any(
            place in other.full for inner in mention.full for place in self.index.above[inner]
        )

    def _weight(self, mention: Mention) -> float:
        levels = self.index.levels
        full = max((FULL_WEIGHT[levels[place]] for place in mention.full), default=0.0)
        return max(full, max((SHORT_WEIGHT[levels[place]] for place in mention.short), default=0.0))

    def _chains(self, mention: Mention, is_doubted: bool) -> list[_Chain]:
        bearers = [(place, True) for place in mention.full]
        bearers += [(place, False) for place in mention.short]
        linked = []
        if self.best:
            for place, is_full in bearers:
                chain = self._linked(mention, place, is_full, is_doubted)
                if chain is not None:
                    linked.append(chain)
        if linked:
            return self._uppermost(self._without_far_towns(linked))
        words = self._words(mention)
        if words in self.alone:
            return []  # said before, and nothing has come in between that tells more
        if not is_doubted:
            self.alone.add(words)
        return self._uppermost(
            [
                self._chain(mention, place, is_full, is_doubted, None)
                for place, is_full in bearers
                if self._stands_alone(mention, place, is_full)
            ]
        )

    def _linked(
        self, mention: Mention, place: int, is_full: bool, is_doubted: bool
    ) -> _Chain | None:
        around = None
        for above in self.index.above[place]:
            known = self.best.get(above)
            if known is not None and (around is None or known.score > around.score):
                around = known
        if around is None:
            return None
        gap = self._gap(around.end, mention.start)
        if not is_full and gap > MAX_SHORT_GAP:
            return None
        if self.index.levels[place] == TOWN:
            if not is_full and gap:
                return None
            is_inside = self.index.parents[place] == around.place
            if not is_inside and is_zone(self._words(mention)):
                return None
        return self._chain(mention, place, is_full, is_doubted, around)

    def _without_far_towns(self, chains: list[_Chain]) -> list[_Chain]:
        # 辽宁朝阳 means the city, none of the towns called 朝阳镇 somewhere in 辽宁.
        levels, parents = self.index.levels, self.index.parents
        if all(chain.is_full or levels[chain.place] == TOWN for chain in chains):
            return chains
        return [
            chain
            for chain in chains
            if chain.is_full
            or levels[chain.place] < TOWN
            or (chain.before is not None and parents[chain.place] == chain.before.place)
        ]

    def _stands_alone(self, mention: Mention, place: int, is_full: bool) -> bool:
        if is_full:
            # 东区, 城区: any housing estate has one.
            is_distinct = len(mention.full) == 1 or mention.end - mention.start > MIN_LENGTH
            return is_distinct and not is_zone(self._words(mention))
        return self.index.levels[place] < TOWN

    def _chain(
        self,
        mention: Mention,
        place: int,
        is_full: bool,
        is_doubted: bool,
        before: _Chain | None,
    ) -> _Chain:
        score = (FULL_WEIGHT if is_full else SHORT_WEIGHT)[self.index.levels[place]]
        if is_doubted:
            score *= DOUBT
        if before is not None:
            score += before.score + LINK
            score -= min(LINK, GAP * self._gap(before.end, mention.start))
        is_word = (
            not is_full
            and before is None
            and self.index.levels[place] > CITY
            and len(mention.short) > MAX_BEARERS
        )
        return _Chain(
            score, mention.start, mention.end, place, is_full, is_doubted, is_word, before
        )

    def _words(self, mention: Mention) -> str:
        return self.text[mention.start : mention.end]

    def _gap(self, end: int, start: int) -> int:
        return start - end - self.text.count(" ", end, start)

    def _uppermost(self, chains: list[_Chain]) -> list[_Chain]:
        if len(chains) == 1:
            return chains
        # 恩施恩施: the second is not the prefecture again, but the city in it.
        places = {chain.place for chain in chains if chain.place not in self.best}
        return [chain for chain in chains if places.isdisjoint(self.index.above[chain.place])]


def _ranked(index: RegionIndex, chains: list[_Chain]) -> list[Candidate]:
    by_place: dict[int, list[_Chain]] = defaultdict(list)
    for chain in chains:
        by_place[chain.place].append(chain)
    best: dict[int, tuple[float, _Chain, _Spans]] = {}
    for chain in chains:
        score, spans = chain.score, chain.spans()
        behind = [
            other
            for around in index.above[chain.first.place]
            for other in by_place.get(around, ())
            if other.first.start >= chain.end
        ]
        if behind:
            other = max(behind, key=lambda other: other.score)
            score += BEHIND * other.score
            spans |= other.spans()
        place = index.follows[chain.place]
        if place not in best or score > best[place][0]:
            best[place] = (score, chain, spans)
    ordered = sorted(best.items(), key=lambda item: (-item[1][0], item[1][1].first.start, item[0]))
    rivals: list[tuple[int, float, _Chain]] = []
    taken: list[_Spans] = []
    top = ordered[0][1][0]
    for place, (score, chain, spans) in ordered:
        share = BASE ** (score - top)
        if share < LEAST_SHARE:
            break
        if not any(spans < others for others in taken):
            taken.append(spans)
            rivals.append((place, share, chain))
    whole = sum(share for _place, share, _chain in rivals)
    return [
        Candidate(place, max(0.01, round(share / whole * _trust(index, chain), 2)))
        for place, share, chain in rivals[:MAX_CANDIDATES]
    ]


def _trust(index: RegionIndex, chain: _Chain) -> float:
    level = index.levels[chain.place]
    trust = TRUST[chain.is_full, chain.before is not None][level]
    if level == TOWN and chain.before is not None:
        if index.parents[chain.place] != chain.before.place and not chain.is_full:
            trust = FAR_TOWN_TRUST
        elif is_zone(index.names[chain.place]):
            trust = min(trust, ZONE_TRUST)
    return trust * DOUBTED_TRUST if chain.is_doubted or chain.is_word else trust
