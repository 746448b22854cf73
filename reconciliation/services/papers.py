"""How a worker takes up a paper, keeps it while it works, and lets it go. Whoever was killed in the
middle of one leaves a lease that ends, and the paper is begun anew.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TypeVar

from openplatform.core.heartbeats import Heartbeat
from openplatform.core.locking import require_transaction, transactional
from openplatform.core.statements import send
from reconciliation.models import Paper
from reconciliation.states import PaperStatus

LEASE = timedelta(seconds=60)  # renewed with every beat
MAX_ATTEMPTS = 5
LONGER = 6  # times as long is each pause as the one before: 20 s, 2, 12, 72 minutes, 7 hours
# Many workers may look at once: each takes another paper.
TAKE = """
    UPDATE {table} SET claims = claims + 1, attempts = attempts + 1, rows_done = 0,
        due_at = clock_timestamp() + %(lease)s
    WHERE id = (
        SELECT id FROM {table}
        WHERE status = 'preparing' AND due_at <= clock_timestamp()
            AND (%(id)s::bigint IS NULL OR id = %(id)s)
        ORDER BY due_at, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
    )
    RETURNING id
"""
RENEW = """
    UPDATE {table} SET rows_done = %(rows)s, due_at = clock_timestamp() + %(lease)s
    WHERE id = %(id)s AND claims = %(claims)s AND status = 'preparing'
"""
PUT_OFF = """
    UPDATE {table} SET due_at = clock_timestamp() + %(pause)s
    WHERE id = %(id)s AND claims = %(claims)s AND status = 'preparing'
"""

P = TypeVar("P", bound=Paper)


class LeaseLost(Exception):
    """Another worker has taken the paper up meanwhile: this one's work is worth nothing."""


@transactional
def take_due(model: type[P], *, pk: int | None = None) -> P | None:
    """The paper that has waited longest, with a lease on it; None when none waits.

    ``attempts`` of it tells how often it was begun: over :data:`MAX_ATTEMPTS`, give it up.

    :param pk: this one and no other.
    """
    row = send(_on(model, TAKE), {"lease": LEASE, "id": pk}).row()
    return None if row is None else model._default_manager.get(pk=row[0])


def keep(paper: Paper) -> Heartbeat:
    """What renews the lease for as long as the block runs, and shows how far it is."""

    def renew(rows: int) -> None:
        send(
            _on(type(paper), RENEW),
            {"rows": rows, "lease": LEASE, "id": paper.pk, "claims": paper.claims},
        )

    return Heartbeat(renew, name=f"{type(paper).__name__} {paper.pk}")


def put_off(paper: Paper, *, pause: timedelta) -> None:
    """Give the paper back: somebody takes it up when the pause is over.

    :param pause: after the first attempt; longer after each further one, so that what stands still
        for an hour, such as the store of files, fails no paper.
    """
    pause *= LONGER ** max(paper.attempts - 1, 0)
    send(_on(type(paper), PUT_OFF), {"pause": pause, "id": paper.pk, "claims": paper.claims})


def lock_held(paper: P) -> P:
    """Step: the paper as it is, locked; called before what was made is written.

    :raises LeaseLost: when it is somebody else's by now.
    """
    require_transaction()
    held = (
        type(paper)
        ._default_manager.select_for_update(no_key=True)
        .filter(pk=paper.pk, status=PaperStatus.PREPARING, claims=paper.claims)
        .first()
    )
    if held is None:
        raise LeaseLost
    return held


def _on(model: type[Paper], statement: str) -> str:
    return statement.format(table=model._meta.db_table)
