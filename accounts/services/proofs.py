"""Pictures and PDFs of transfers."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from accounts.documents import proof_document
from accounts.models import TopUpProof
from openplatform.core.identifiers import dated_no
from openplatform.core.json_text import to_json
from openplatform.core.locking import transactional
from openplatform.core.pruning import prune
from openplatform.core.uploads.documents import clean_file
from openplatform.core.uploads.files import CleanFile, ReceivedFile
from openplatform.core.uploads.storage import delete_quietly, storing
from openplatform.idempotency.services.replay import Answer, ReplayKey, claim, record

FOLDER = "top-up-proofs"
KEPT_UNUSED_DAYS = 7


def keep_proof(
    *, partner_id: int, file: ReceivedFile, now: datetime, replay: ReplayKey | None = None
) -> Answer:
    """The proof as it is kept (201), to be named by a top-up within seven days.

    The file is written anew and stored before its row: a crash in between leaves a file that no
    row names, which is swept.

    :raises ImageInvalid, ImageTooLarge, FileInvalid: see the codes.
    """
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
        return kept
    proof = TopUpProof.objects.create(
        proof_id=dated_no("P", now),
        partner_id=partner_id,
        file=name,
        media_type=file.media_type,
        sha256=file.sha256,
        size_bytes=file.size,
        created_at=now,
    )
    answer = Answer(201, to_json(proof_document(proof)))
    record(replay, answer)
    return answer


def list_proof_files(names: Collection[str]) -> Collection[str]:
    """Which of these files some proof names."""
    return set(TopUpProof.objects.filter(file__in=names).values_list("file", flat=True))


def prune_proofs() -> int:
    """Forget proofs that no top-up named within seven days; their files are swept. How many."""
    return prune(TopUpProof.objects.filter(top_up=None), kept_days=KEPT_UNUSED_DAYS)
