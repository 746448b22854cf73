"""Claims as answers of writes: links to pictures are made for each answer and never kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from aftersales.models import ClaimPicture
from aftersales.picture_links import links
from aftersales.selectors.documents import read_document
from openplatform.core.json_text import to_json
from openplatform.idempotency.services.replay import Answer, ReplayKey, record


def answer_with(
    claim_id: int, *, status: int, replay: ReplayKey | None, is_replay: bool = False
) -> Answer:
    """Step: the claim as it is now, kept under the Idempotency-Key without its links."""
    document = read_document(claim_id)
    record(replay, Answer(status, to_json(document), is_replay=is_replay))
    return Answer(status, to_json(_linked(document)), is_replay=is_replay)


def answered_anew(kept: Answer) -> Answer:
    """The first answer with links that work now."""
    return Answer(kept.status, to_json(_linked(orjson.loads(kept.body))), is_replay=True)


def _linked(document: dict[str, Any]) -> dict[str, Any]:
    shown = {picture["picture_id"]: picture for picture in _pictures(document)}
    if shown:
        kept = ClaimPicture.objects.filter(picture_id__in=shown)
        for picture in kept.values("picture_id", "file", "thumbnail"):
            shown[picture["picture_id"]].update(links(picture))
    return document


def _pictures(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from document["pictures"]
    yield from document["inspection_pictures"]
    for note in document["notes"]:
        yield from note["pictures"]
