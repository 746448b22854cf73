"""A merchant says which SKUs it really sells."""

from __future__ import annotations

from collections.abc import Sequence

from catalog.errors import DuplicateSku, SkuNotAvailable
from catalog.selectors.selection import get_selection
from catalog.selectors.visibility import IS_VISIBLE_EACH
from openplatform.core.errors import DomainError, refuse_if
from openplatform.core.json_text import to_json
from openplatform.core.locking import transactional
from openplatform.core.statements import send
from openplatform.idempotency.services.replay import Answer, ReplayKey, claim, record

MAX_FAULTS = 5_000  # of one refusal

# The row of the selection is the lock of all that belongs to it.
LOCK = """
    INSERT INTO catalog_selection (partner_id, only_these_messages) VALUES (%s, %s)
    ON CONFLICT (partner_id) DO UPDATE SET only_these_messages = excluded.only_these_messages
"""
VISIBLE = f"""
    SELECT sku.code, sku.id FROM catalog_sku sku
    WHERE sku.code = ANY(%(codes)s::text[]) AND {IS_VISIBLE_EACH}
"""  # noqa: S608 - put together from constants
DROP = """
    DELETE FROM catalog_selectedsku selected
    WHERE selected.partner_id = %s AND NOT EXISTS (
        SELECT FROM unnest(%s::bigint[]) AS kept (sku_id) WHERE kept.sku_id = selected.sku_id
    )
"""
ADD = """
    INSERT INTO catalog_selectedsku (partner_id, sku_id)
    SELECT %s, sku_id FROM unnest(%s::bigint[]) AS wanted (sku_id) ORDER BY sku_id
    ON CONFLICT (partner_id, sku_id) DO NOTHING
"""
END = "DELETE FROM catalog_selection WHERE partner_id = %s"


@transactional
def replace_selection(
    *,
    partner_id: int,
    codes: Sequence[str],
    only_these_messages: bool,
    replay: ReplayKey | None,
) -> Answer:
    """The selection is exactly these SKUs.

    1. claim the key, 2. lock the selection, 3. check, 4. write what differs.

    :raises Refusal: with a fault for each code that stands there twice, or that the partner does
        not see.
    """
    if (kept := claim(replay)) is not None:
        return kept
    send(LOCK, [partner_id, only_these_messages])
    visible = dict(send(VISIBLE, {"partner_id": partner_id, "codes": list(codes)}).rows())
    refuse_if(_faults_of(codes, visible)[:MAX_FAULTS])
    sku_ids = list(visible.values())
    send(DROP, [partner_id, sku_ids])
    send(ADD, [partner_id, sku_ids])
    return _answer(partner_id, replay)


@transactional
def delete_selection(*, partner_id: int, replay: ReplayKey | None) -> Answer:
    """No SKU is selected, and messages come of all; it is as well when it was so before."""
    if (kept := claim(replay)) is not None:
        return kept
    send(LOCK, [partner_id, False])
    send(DROP, [partner_id, []])
    send(END, [partner_id])
    return _answer(partner_id, replay)


def _faults_of(codes: Sequence[str], visible: dict[str, int]) -> list[DomainError]:
    faults: list[DomainError] = []
    met: set[str] = set()
    for index, code in enumerate(codes):
        if code in met:
            faults.append(DuplicateSku(pointer=f"/skus/{index}"))
        elif code not in visible:
            faults.append(SkuNotAvailable(pointer=f"/skus/{index}"))
        met.add(code)
    return faults


def _answer(partner_id: int, replay: ReplayKey | None) -> Answer:
    answer = Answer(200, to_json(get_selection(partner_id=partner_id)))
    record(replay, answer)
    return answer
