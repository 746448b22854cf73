"""Pictures of claims: kept as we wrote them anew, named later by a claim, note or inspection."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
import structlog
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.services.locks import lock_partner
from aftersales.errors import NO_SUCH_PICTURE
from aftersales.models import Claim, ClaimNote, ClaimPicture
from aftersales.picture_links import picture_document
from openplatform.core.errors import (
    DomainError,
    ImageInvalid,
    ImageTooLarge,
    NotFound,
    TooManyItems,
    refuse_if,
)
from openplatform.core.identifiers import dated_no
from openplatform.core.json_text import to_json
from openplatform.core.locking import require_transaction, transactional
from openplatform.core.statements import send
from openplatform.core.uploads.files import PICTURES, CleanFile, ReceivedFile
from openplatform.core.uploads.pictures import clean_picture_in_sizes, picture_extension
from openplatform.core.uploads.storage import delete_quietly, storing
from openplatform.idempotency.services.replay import (
    Answer,
    ReplayKey,
    claim,
    kept_answer,
    record,
)

log = structlog.get_logger(__name__)

FOLDER = "claim-pictures"
UPLOAD_LIMIT = 5 * 1024 * 1024  # bytes of one file
MAX_PIXELS = 25_000_000
THUMBNAIL = 320  # pixels of its longer side
MAX_PICTURES = 9  # of a claim, a note or an inspection
MAX_UNUSED = 50  # sent by one merchant and named by nothing
KEPT_UNUSED = timedelta(days=1)
BATCH = 500

# Those that may be taken: the merchant's own, not used yet. Locked in one order, so that two
# requests that name the same ones wait instead of deadlocking; who comes second finds them used.
ATTACH = """
    WITH free AS (
        SELECT picture.id, wanted.position
        FROM unnest(%(picture_ids)s::text[]) WITH ORDINALITY AS wanted (picture_id, position)
        JOIN aftersales_claimpicture picture ON picture.picture_id = wanted.picture_id
        WHERE picture.partner_id = %(partner_id)s AND picture.claim_id IS NULL
        ORDER BY picture.id
        FOR UPDATE OF picture
    )
    UPDATE aftersales_claimpicture picture
    SET claim_id = %(claim_id)s, use = %(use)s, note_id = %(note_id)s, position = free.position
    FROM free WHERE picture.id = free.id
    RETURNING picture.picture_id
"""
# A picture that something is just being attached to is locked, and stays.
FORGET = """
    DELETE FROM aftersales_claimpicture WHERE id IN (
        SELECT id FROM aftersales_claimpicture
        WHERE claim_id IS NULL
            AND created_at < statement_timestamp() - %s::interval
        ORDER BY created_at LIMIT %s FOR UPDATE SKIP LOCKED
    )
    RETURNING file, thumbnail
"""
# Which of these files some picture is, in either size.
IN_USE = """
    SELECT file FROM aftersales_claimpicture WHERE file = ANY(%(names)s::text[])
    UNION
    SELECT thumbnail FROM aftersales_claimpicture
    WHERE thumbnail <> file AND thumbnail = ANY(%(names)s::text[])
"""


@dataclass(frozen=True, slots=True)
class CleanPicture:
    """A picture that we made ourselves, and how large it is in pixels."""

    file: CleanFile
    thumbnail: CleanFile | None  # None when the file is as small itself
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """The same under the names that it is kept by."""

    picture: CleanPicture
    file: str
    thumbnail: str


def keep_picture(
    *, partner_id: int, file: ReceivedFile, now: datetime, replay: ReplayKey | None = None
) -> Answer:
    """A merchant's picture as it is kept (201), to be named by a claim or a note within a day.

    1. Look for what would make it needless to open the file: an answer kept under the
       Idempotency-Key, too many pictures. Nothing is locked; step 3 decides.
    2. Write the file anew in two sizes and store both before their row: a crash in between leaves
       files that no row names, which are swept.
    3. Claim the Idempotency-Key, lock the partner, count its unused pictures, write the row.

    :raises IdempotencyKeyReused: when the key was used with another file.
    :raises TooManyItems: when 50 pictures (``maximum``) wait to be named.
    :raises ImageInvalid, ImageTooLarge: see :func:`clean_claim_picture`.
    :raises TemporarilyUnavailable: while this web process is at another file.
    :raises NotFound: for a replay of a picture that has been forgotten since.
    """
    if (kept := kept_answer(replay)) is not None:
        return _answered_anew(kept)
    _require_few_unused(partner_id)
    clean = clean_claim_picture(file.content)
    with ExitStack() as stack:
        stored = _store(clean, stack, now)
        answer = _write_answer(partner_id=partner_id, stored=stored, now=now, replay=replay)
    if answer.is_replay:
        for name in {stored.file, stored.thumbnail}:
            delete_quietly(name)
    return answer


def keep_staff_pictures(
    *, partner_id: int, files: Sequence[ReceivedFile], uploaded_by: str, now: datetime
) -> list[str]:
    """The ids of pictures that a member of staff adds, in their order; :func:`attach_pictures`
    then names them in the act's own transaction. What no act names within a day is forgotten.

    :param partner_id: whose claim they are about.
    :raises TooManyItems: for over nine (``maximum``).
    :raises Refusal: with the fault of each file that is no picture that can be taken.
    :raises TemporarilyUnavailable: while this web process is at another file.
    """
    if len(files) > MAX_PICTURES:
        raise TooManyItems(pointer="/pictures", maximum=MAX_PICTURES)
    clean = _clean_all(files)
    with ExitStack() as stack:
        stored = [_store(picture, stack, now) for picture in clean]
        return _write_rows(partner_id=partner_id, stored=stored, uploaded_by=uploaded_by, now=now)


def clean_claim_picture(data: bytes) -> CleanPicture:
    """A JPEG, PNG or WebP written anew without metadata, and a thumbnail of it.

    :raises ImageInvalid: when it is nothing of these, broken, markup as well, or over 5 MB.
    :raises ImageTooLarge: before decoding, over 25 megapixels, 10,000 pixels a side or 200 frames.
    :raises TemporarilyUnavailable: while this web process is at another file.
    """
    if len(data) > UPLOAD_LIMIT:
        raise ImageInvalid(pointer="/file", limit_bytes=UPLOAD_LIMIT)
    if picture_extension(data) not in PICTURES:  # a GIF, say
        raise ImageInvalid(pointer="/file")
    *smaller, whole = clean_picture_in_sizes(data, sides=(THUMBNAIL,), max_pixels=MAX_PIXELS)
    thumbnail = smaller[0].file if smaller else None
    return CleanPicture(whole.file, thumbnail, whole.width, whole.height)


def attach_pictures(
    claim: Claim,
    picture_ids: Sequence[str],
    use: ClaimPicture.Use | str,
    note: ClaimNote | None = None,
    *,
    pointer: str = "/pictures",
) -> None:
    """Step: pictures that were sent before become those of a claim, a note or an inspection, in
    this order. It is one statement; the claim's message is written after it, since it shows them.

    :param note: which one; with ``use`` ``note`` only.
    :param pointer: of the list in the request.
    :raises Refusal: with a NotFound for each that is unknown, another merchant's, used already,
        or named twice.
    """
    require_transaction()
    if not picture_ids:
        return
    attached = {
        picture_id
        for (picture_id,) in send(
            ATTACH,
            {
                "picture_ids": list(dict.fromkeys(picture_ids)),
                "partner_id": claim.partner_id,
                "claim_id": claim.pk,
                "use": str(use),
                "note_id": None if note is None else note.pk,
            },
        ).rows()
    }
    refuse_if(missing_pictures(picture_ids, attached, pointer=pointer))


def missing_pictures(
    picture_ids: Sequence[str], found: Collection[str], *, pointer: str = "/pictures"
) -> list[DomainError]:
    """A NotFound for each id that is not among those found, or stands in the list twice."""
    return [
        NotFound(NO_SUCH_PICTURE, pointer=f"{pointer}/{index}")
        for index, picture_id in enumerate(picture_ids)
        if picture_id not in found or picture_id in picture_ids[:index]
    ]


def list_picture_files(names: Collection[str]) -> Collection[str]:
    """Which of these files some picture names."""
    return {name for (name,) in send(IN_USE, {"names": list(names)}).rows()}


def forget_unused_pictures() -> int:
    """Delete pictures that nothing named within a day, with their files. How many.

    The rows go first: a crash in between leaves files that no row names, which are swept.
    """
    forgotten = 0
    while gone := send(FORGET, [KEPT_UNUSED, BATCH]).rows():
        for name in {name for names in gone for name in names}:
            delete_quietly(name)
        forgotten += len(gone)
    if forgotten:
        log.info("claim_pictures_forgotten", count=forgotten)
    return forgotten


def _clean_all(files: Sequence[ReceivedFile]) -> list[CleanPicture]:
    faults: list[DomainError] = []
    clean = []
    for file in files:
        try:
            clean.append(clean_claim_picture(file.content))
        except (ImageInvalid, ImageTooLarge) as error:
            text = _("%(file)s: %(fault)s") % {"file": file.filename, "fault": error.detail}
            faults.append(type(error)(text, pointer="/pictures", **error.facts))
    refuse_if(faults)
    return clean


def _store(picture: CleanPicture, stack: ExitStack, now: datetime) -> StoredPicture:
    """Stored until the stack ends with an error."""
    file = stack.enter_context(storing(picture.file, folder=FOLDER, now=now))
    if picture.thumbnail is None:
        return StoredPicture(picture, file, file)
    thumbnail = stack.enter_context(storing(picture.thumbnail, folder=FOLDER, now=now))
    return StoredPicture(picture, file, thumbnail)


@transactional
def _write_answer(
    *, partner_id: int, stored: StoredPicture, now: datetime, replay: ReplayKey | None
) -> Answer:
    if (kept := claim(replay)) is not None:
        return _answered_anew(kept)
    lock_partner(pk=partner_id)
    _require_few_unused(partner_id)
    picture = _add_row(partner_id, stored, "", now)
    record(replay, Answer(201, to_json({"picture_id": picture.picture_id})))  # no links are kept
    return Answer(201, to_json(picture_document(_as_row(picture))))


@transactional
def _write_rows(
    *, partner_id: int, stored: Sequence[StoredPicture], uploaded_by: str, now: datetime
) -> list[str]:
    return [_add_row(partner_id, one, uploaded_by, now).picture_id for one in stored]


def _add_row(
    partner_id: int, stored: StoredPicture, uploaded_by: str, now: datetime
) -> ClaimPicture:
    file = stored.picture.file
    return ClaimPicture.objects.create(
        picture_id=dated_no("I", now),
        partner_id=partner_id,
        uploaded_by=uploaded_by,
        file=stored.file,
        thumbnail=stored.thumbnail,
        width=stored.picture.width,
        height=stored.picture.height,
        sha256=file.sha256,
        size_bytes=file.size,
        created_at=now,
    )


def _require_few_unused(partner_id: int) -> None:
    """Those older than a day are about to be forgotten, and those of staff are no one's fault."""
    since = Now() - KEPT_UNUSED
    unused = ClaimPicture.objects.filter(
        partner=partner_id, claim=None, uploaded_by="", created_at__gte=since
    )
    if unused.count() >= MAX_UNUSED:
        raise TooManyItems(
            _("Too many pictures wait to be named by a claim"), pointer="/file", maximum=MAX_UNUSED
        )


def _answered_anew(kept: Answer) -> Answer:
    """The first answer with links that work now."""
    picture = ClaimPicture.objects.filter(picture_id=orjson.loads(kept.body)["picture_id"]).first()
    if picture is None:
        raise NotFound(_("No claim named this picture within a day; send it again"))
    return Answer(kept.status, to_json(picture_document(_as_row(picture))), is_replay=True)


def _as_row(picture: ClaimPicture) -> dict[str, Any]:
    names = ("picture_id", "file", "thumbnail", "width", "height")
    return {name: getattr(picture, name) for name in names}
