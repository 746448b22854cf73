"""From the outbox into one gapless sequence per partner."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from openplatform.core.locking import transactional
from openplatform.core.statements import send, together
from openplatform.core.wakeups import MESSAGES, wake
from openplatform.messaging.services.publishing import MAX_SKUS, SKUS
from openplatform.messaging.types import TYPES, News, Told, sku_audience, wanted_skus

BATCH = 2000
# A batch is one transaction, in memory and within the time that the database grants a statement
# and a pause in it; one that takes longer would be begun again for ever.
MAX_CODES = 1000  # of SKUs; each may go to every partner
MAX_BYTES = 4 * 1024 * 1024  # as stored, which is compressed
SEQUENCER_LOCK = 7_305_001  # any number, the same in every process

# A row with a lower id may commit later than one with a higher. That does no harm: messages of one
# subject are written under its lock, so of two that are visible, the earlier has the lower id.
#
# A type that this process does not know came with a newer version of the program, whose sequencer
# will take it. What is told of the same subject behind it waits with it, to keep its order; not so
# the news of SKUs, which are of many subjects.
#
# By the index, which soon forgets the rows that are deleted: after a rush, the table is full of
# them until it is vacuumed.
FIRST_WAITING = """
    SELECT id FROM messaging_outbox WHERE type = ANY(%s::text[]) ORDER BY id LIMIT 1
"""
TAKE = """
    WITH oldest AS (
        SELECT id, subject, pg_column_size(data) AS bytes,
            CASE WHEN subject = %(skus)s THEN jsonb_array_length(data -> 'skus') ELSE 0 END AS codes
        FROM messaging_outbox WHERE type = ANY(%(types)s::text[]) ORDER BY id LIMIT %(batch)s
    ), unknown AS (
        SELECT subject, min(id) AS id FROM messaging_outbox
        WHERE id < (SELECT max(id) FROM oldest) AND type <> ALL(%(types)s::text[])
            AND subject <> %(skus)s
        GROUP BY subject
    ), counted AS (
        SELECT oldest.id, sum(codes) OVER earlier AS codes, sum(bytes) OVER earlier AS bytes
        FROM oldest LEFT JOIN unknown ON unknown.subject = oldest.subject
        WHERE unknown.id IS NULL OR unknown.id > oldest.id
        WINDOW earlier AS (ORDER BY oldest.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    )
    DELETE FROM messaging_outbox
    WHERE id IN (
        SELECT id FROM counted
        WHERE coalesce(codes, 0) < %(codes)s AND coalesce(bytes, 0) < %(bytes)s
    )
    RETURNING id, type, subject, partner_ids, data::text
"""
ADVANCE = """
    WITH told AS (SELECT * FROM unnest(%s::bigint[], %s::bigint[]) AS told (partner_id, count))
    INSERT INTO messaging_messagecursor AS known (partner_id, last_sequence)
    SELECT partner_id, count FROM told ORDER BY partner_id
    ON CONFLICT (partner_id) DO UPDATE
        SET last_sequence = known.last_sequence + excluded.last_sequence
    RETURNING partner_id, last_sequence
"""
# One JSON parameter: psycopg takes seconds to escape an array of large documents.
WRITE = """
    INSERT INTO messaging_message
        (message_id, partner_id, sequence, type, subject, data, created_at)
    SELECT message_id, partner_id, sequence, type, subject, data, clock_timestamp()
    FROM json_to_recordset(%s::json) AS message (
        message_id text, partner_id bigint, sequence bigint, type text, subject text, data jsonb
    )
"""


@dataclass(frozen=True, slots=True)
class _Letter:
    """One message for one partner, before it has its number."""

    partner_id: int
    type: str
    subject: str
    data: str  # JSON


def sequence_if_any() -> int:
    """Look first: most of the time there is nothing, and finding that out takes no lock."""
    first = send(FIRST_WAITING, [list(TYPES)]).row()
    return 0 if first is None else sequence_outbox()


@transactional
def sequence_outbox() -> int:
    """Number a batch of what the outbox holds; how many messages that made.

    1. Become the only sequencer until commit; another one at work means nothing to do here.
    2. Take rows by id, so that the messages of a subject keep their order.
    3. Address them: a row may go to one partner, to several, or to all that see its SKUs.
    4. Move each partner's cursor by its number of messages, and write them; nudge who sends them.

    Unique constraints on (partner, sequence) hold even if step 1 should fail to.
    """
    with together():  # with BEGIN
        locked = send("SELECT pg_try_advisory_xact_lock(%s)", [SEQUENCER_LOCK])
    if locked.row() != (True,):
        return 0
    taken = sorted(
        send(
            TAKE,
            {
                "skus": SKUS,
                "types": list(TYPES),
                "batch": BATCH,
                "codes": MAX_CODES,
                "bytes": MAX_BYTES,
            },
        ).rows()
    )
    if not taken:
        return 0
    letters = [*_single_letters(taken), *_sku_letters(taken)]
    if letters:
        _write(letters)
    return len(letters)


def _single_letters(taken: Iterable[tuple[Any, ...]]) -> Iterable[_Letter]:
    for _id, type_name, subject, partner_ids, data in taken:
        if TYPES[type_name].merges_with is None:
            for partner_id in partner_ids:
                yield _Letter(partner_id, type_name, subject, data)


def _sku_letters(taken: Iterable[tuple[Any, ...]]) -> Iterator[_Letter]:
    """Changes of SKUs: per partner what is left to tell of each, at most 100 codes to a message."""
    parcels = [
        _read_parcel(type_name, partner_ids, data)
        for _id, type_name, _subject, partner_ids, data in taken
        if TYPES[type_name].merges_with is not None
    ]
    heard: dict[int, list[tuple[News, Collection[str]]]] = defaultdict(list)
    for news, skus, partner_ids in parcels:
        receivers = sku_audience(skus) if partner_ids is None else dict.fromkeys(partner_ids, skus)
        for partner_id, seen in receivers.items():
            heard[partner_id].append((news, seen))
    wanted = wanted_skus(heard, {sku for _news, skus, _partners in parcels for sku in skus})
    for partner_id, parts in heard.items():
        for news, skus in _fold(parts, wanted.get(partner_id)):
            for start in range(0, len(skus), MAX_SKUS):
                data = {"skus": skus[start : start + MAX_SKUS], **orjson.loads(news.facts)}
                yield _Letter(partner_id, news.type, SKUS, orjson.dumps(data).decode())


def _read_parcel(
    type_name: str, partner_ids: list[int] | None, data: str
) -> tuple[News, list[str], list[int] | None]:
    facts = orjson.loads(data)
    skus: list[str] = facts.pop("skus")
    text = orjson.dumps(facts, option=orjson.OPT_SORT_KEYS).decode()
    return News(type_name, text), skus, partner_ids


def _fold(
    parts: Iterable[tuple[News, Collection[str]]], wanted: Collection[str] | None
) -> Iterator[tuple[News, list[str]]]:
    """What one partner is told of SKUs, equal news together.

    First the first thing to tell of each SKU, then the second, so that what is told of one stays
    in its order.
    """
    told: dict[tuple[str | None, str], Told] = {}
    for news, skus in parts:
        group, fold = TYPES[news.type].merges_with, TYPES[news.type].fold
        for sku in skus:
            if wanted is None or sku in wanted:
                before = told.pop((group, sku), ())  # so that it moves to the end
                told[group, sku] = fold(before, news)
    turn = 0
    while told:
        equal: dict[News, list[str]] = defaultdict(list)
        for (_group, sku), all_news in told.items():
            equal[all_news[turn]].append(sku)
        yield from equal.items()
        turn += 1
        told = {key: all_news for key, all_news in told.items() if len(all_news) > turn}


def _write(letters: list[_Letter]) -> None:
    counts: dict[int, int] = defaultdict(int)
    for letter in letters:
        counts[letter.partner_id] += 1
    following = {
        partner_id: last_sequence - counts[partner_id] + 1
        for partner_id, last_sequence in send(
            ADVANCE, [list(counts.keys()), list(counts.values())]
        ).rows()
    }
    rows = []
    for letter in letters:
        rows.append(
            {
                "message_id": f"msg_{uuid.uuid4().hex}",
                "partner_id": letter.partner_id,
                "sequence": following[letter.partner_id],
                "type": letter.type,
                "subject": letter.subject,
                "data": orjson.Fragment(letter.data),
            }
        )
        following[letter.partner_id] += 1
    send(WRITE, [orjson.dumps(rows).decode()])
    wake(MESSAGES)
