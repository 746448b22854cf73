"""Pictures and PDFs of transfers."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import orjson
from django.utils.translation import gettext_lazy as _

from accounts.documents import proof_document
from accounts.models import TopUpProof
from accounts.services.locks import lock_partner
from openplatform.core.errors import NotFound, TooManyItems
from openplatform.core.identifiers import dated_no
from openplatform.core.json_text import to_json
from openplatform.core.locking import transactional
from openplatform.core.statements import send
from openplatform.core.uploads.documents import clean_file
from openplatform.core.uploads.files import CleanFile, ReceivedFile
from openplatform.core.uploads.storage import delete_quietly, storing
from openplatform.idempotency.services.replay import (
    Answer,
    ReplayKey,
    claim,
    kept_answer,
    record,
)

FOLDER = "top-up-proofs"
KEPT_UNUSED_DAYS = 7
MAX_UNUSED = 20  # of one partner at a time
BATCH = 1000
# A proof that a top-up is just being reported with is locked, and stays.
FORGET = """
    DELETE FROM accounts_topupproof WHERE id IN (
        SELECT proof.id FROM accounts_topupproof proof
        WHERE proof.created_at < statement_timestamp() - make_interval(days => %s)
            AND NOT EXISTS (SELECT FROM accounts_topup top_up WHERE top_up.proof_id = proof.id)
        ORDER BY proof.created_at LIMIT %s FOR UPDATE SKIP LOCKED
    )
    RETURNING id
"""


def keep_proof(
    *, partner_id: int, file: ReceivedFile, now: datetime, replay: ReplayKey | None = None
) -> Answer:
    """The proof as it is kept (201), to be named by a top-up within seven days.

    1. Look for what would make it needless to open the file: an answer kept under the
       Idempotency-Key, too many proofs. Nothing is locked; step 3 decides.
    2. Write the file anew and store it before its row: a crash in between leaves a file that no
       row names, which is swept.
    3. Claim the Idempotency-Key, lock the partner, count its proofs, write the row.

    :raises IdempotencyKeyReused: when the key was used with another file.
    :raises TooManyItems: when 20 proofs (``maximum``) of the last seven days are named by no
        top-up. It is 422 and not 429: naming them in top-ups mends it, a later try does not.
    :raises ImageInvalid, ImageTooLarge, FileInvalid: see the codes.
    :raises TemporarilyUnavailable: while this web process is at another file.
    :raises NotFound: for a replay of a proof that has been forgotten since.
    """
    if (kept := kept_answer(replay)) is not None:
        return _answered_anew(kept)
    _require_few_unused(partner_id, now)
    clean = clean_file(file.content)
    with storing(clean, folder=FOLDER, now=now) as name:
        answer = _write(partner_id=partner_id, name=name, file=clean, now=now, replay=replay)
    if answer.is_replay:
        delete_quietly(name)
    return answer


@transactional
def _write(
    *, partner_id: int, name: str, file: CleanFile, now: datetime, replay: ReplayKey | None
) -> Answer:
    if (kept := claim(replay)) is not None:
        return _answered_anew(kept)
    lock_partner(pk=partner_id)
    _require_few_unused(partner_id, now)
    proof = TopUpProof.objects.create(
        proof_id=dated_no("P", now),
        partner_id=partner_id,
        file=name,
        media_type=file.media_type,
        sha256=file.sha256,
        size_bytes=file.size,
        created_at=now,
    )
    record(replay, Answer(201, to_json({"proof_id": proof.proof_id})))  # links are not kept
    return Answer(201, to_json(proof_document(proof)))


def _require_few_unused(partner_id: int, now: datetime) -> None:
    """Those older than seven days are about to be forgotten, and do not count."""
    since = now - timedelta(days=KEPT_UNUSED_DAYS)
    unused = TopUpProof.objects.filter(partner=partner_id, created_at__gte=since, top_up=None)
    if unused.count() >= MAX_UNUSED:
        raise TooManyItems(
            _("Too many proofs wait to be named by a top-up"), pointer="/file", maximum=MAX_UNUSED
        )


def _answered_anew(kept: Answer) -> Answer:
    """The first answer with a link that works now."""
    proof = TopUpProof.objects.filter(proof_id=orjson.loads(kept.body)["proof_id"]).first()
    if proof is None:
        raise NotFound(_("No top-up named this proof within seven days; send it again"))
    return Answer(kept.status, to_json(proof_document(proof)), is_replay=True)


def list_proof_files(names: Collection[str]) -> Collection[str]:
    """Which of these files some proof names."""
    return set(TopUpProof.objects.filter(file__in=names).values_list("file", flat=True))


def prune_proofs() -> int:
    """Forget proofs that no top-up named within seven days; their files are swept. How many."""
    pruned = 0
    while gone := len(send(FORGET, [KEPT_UNUSED_DAYS, BATCH]).rows()):
        pruned += gone
    return pruned
