"""Replayable writes: the row of an ``Idempotency-Key`` commits with the effect it stands for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import OperationalError

from openplatform.core.errors import IdempotencyKeyReused, RequestInProgress
from openplatform.core.locking import LOCK_TIMEOUT, require_transaction, sqlstate_of
from openplatform.core.pruning import prune
from openplatform.core.statements import send
from openplatform.core.uploads.files import ReceivedFile
from openplatform.idempotency.models import IdempotentRequest

KEPT_DAYS = 30

CLAIM = """
    INSERT INTO idempotency_idempotentrequest (partner_id, method, path, key, fingerprint, answer)
    VALUES (%(partner_id)s, %(method)s, %(path)s, %(key)s, %(fingerprint)s, '')
    ON CONFLICT (partner_id, method, path, key) DO NOTHING
    RETURNING id
"""
READ = """
    SELECT fingerprint, status, answer FROM idempotency_idempotentrequest
    WHERE partner_id = %(partner_id)s AND method = %(method)s AND path = %(path)s
        AND key = %(key)s
"""
RECORD = """
    UPDATE idempotency_idempotentrequest SET status = %(status)s, answer = %(answer)s
    WHERE partner_id = %(partner_id)s AND method = %(method)s AND path = %(path)s
        AND key = %(key)s
"""
# A step of a statement, behind an `answer (status, body)`: the same. `kept` has a row.
RECORD_STEP = """kept AS (
        UPDATE idempotency_idempotentrequest SET status = answer.status, answer = answer.body
        FROM answer
        WHERE partner_id = %(partner_id)s AND method = %(method)s AND path = %(path)s
            AND key = %(key)s
        RETURNING id
    )"""


@dataclass(frozen=True, slots=True)
class ReplayKey:
    """Under which a write is remembered. ``fingerprint`` is a digest of the canonical body."""

    partner_id: int
    method: str
    path: str
    key: str
    fingerprint: bytes

    def parameters(self) -> dict[str, Any]:
        """For the statements above."""
        return {
            "partner_id": self.partner_id,
            "method": self.method,
            "path": self.path,
            "key": self.key,
            "fingerprint": self.fingerprint,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What a write answered: status, and the body as JSON. ``is_replay`` says for the 2nd time."""

    status: int
    body: bytes
    is_replay: bool = False


def fingerprint_of(body: Any) -> bytes:
    """SHA-256 of a parsed body, whatever the order of its keys; a file counts by its content."""
    option = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS
    return hashlib.sha256(orjson.dumps(body, default=_digest_of, option=option)).digest()


def _digest_of(value: Any) -> str:
    if isinstance(value, ReceivedFile):
        return f"sha256:{value.sha256}"
    raise TypeError(f"{type(value).__name__} has no place in a body")


def claim(replay: ReplayKey | None) -> Answer | None:
    """Step, the first of its service: take the key, or give the answer that was kept under it.

    A request under the same key that still runs is waited for.

    :raises RequestInProgress: when it runs longer than a lock may be waited for.
    :raises IdempotencyKeyReused: when the key was used with another body.
    """
    require_transaction()
    if replay is None:
        return None
    try:
        taken = send(CLAIM, replay.parameters()).row()
    except OperationalError as error:
        if sqlstate_of(error) == LOCK_TIMEOUT:
            raise RequestInProgress from error
        raise
    if taken is not None:
        return None
    if (kept := kept_answer(replay)) is None:
        # It ran into a refusal, which frees its key, between our two statements.
        raise RequestInProgress
    return kept


def kept_answer(replay: ReplayKey | None) -> Answer | None:
    """The answer that was kept under the key, if there is one by now.

    For a service with costly work before its transaction, whose :func:`claim` decides all the same:
    a request under the same key may be running.

    :raises IdempotencyKeyReused: when the key was used with another body.
    """
    if replay is None:
        return None
    kept = send(READ, replay.parameters()).row()
    if kept is None:
        return None
    fingerprint, status, answer = kept
    if bytes(fingerprint) != replay.fingerprint:
        raise IdempotencyKeyReused
    return Answer(status, answer.encode(), is_replay=True)


def record(replay: ReplayKey | None, answer: Answer) -> None:
    """Step: keep the answer, before the service takes its last and hottest lock."""
    if replay is not None:
        send(
            RECORD,
            {**replay.parameters(), "status": answer.status, "answer": answer.body.decode()},
        )


def prune_idempotent_requests() -> int:
    """Forget what is older than 30 days; how many went."""
    return prune(IdempotentRequest.objects.all(), kept_days=KEPT_DAYS)
