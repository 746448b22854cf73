"""Statements that merchants ask for through the API, under an Idempotency-Key or without."""

from __future__ import annotations

from datetime import date, datetime

import orjson

from accounts.services.locks import lock_partner
from openplatform.core.json_text import to_json
from openplatform.core.locking import transactional
from openplatform.idempotency.services.replay import Answer, ReplayKey, claim, record
from reconciliation.selectors import own
from reconciliation.services.requesting import order_statement_step
from reconciliation.states import PaperStatus

STATUS = 202


@transactional
def order_statement(
    *,
    partner_id: int,
    period_start: date,
    period_end: date,
    by: str,
    now: datetime,
    replay: ReplayKey | None = None,
) -> Answer:
    """The statement of a period, as it is or to be made (202). The same period is the same
    statement.

    1. Claim the Idempotency-Key. 2. Look for the row: of many who ask at once, those who come
    after the first commit lock nothing. 3. Lock the partner, so that its statements are numbered
    in the order in which they can be seen, and lists pass none over. 4. Insert the row.

    :param by: the actor of a merchant's key.
    :raises IdempotencyKeyReused: when the key was used with another period.
    :raises FieldInvalid: for days in the wrong order, too many of them, or before the year 2000.
    :raises PeriodOpen: as long as the last day has not ended by the database's clock.
    """
    if (kept := claim(replay)) is not None:
        statement_no = orjson.loads(kept.body)["statement_no"]
        return Answer(kept.status, _show(partner_id, statement_no), is_replay=True)
    statement = (
        own.list_statements(partner_id=partner_id)
        .filter(period_start=period_start, period_end=period_end)
        .exclude(status=PaperStatus.FAILED)
        .first()
    )
    if statement is None:
        lock_partner(pk=partner_id)
        statement = order_statement_step(
            partner_id=partner_id, period_start=period_start, period_end=period_end, by=by, now=now
        )
    # Links end, so they are made anew for each answer, and not kept.
    record(replay, Answer(STATUS, to_json({"statement_no": statement.statement_no})))
    return Answer(STATUS, to_json(own.show_statement(statement)))


def _show(partner_id: int, statement_no: str) -> bytes:
    statement = own.get_statement(partner_id=partner_id, statement_no=statement_no)
    return to_json(own.show_statement(statement))
