"""Merchants' files come in, to be held against the ledger by a worker."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import date, datetime

import orjson
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.services.locks import lock_partner
from openplatform.audit.services.recording import record_change
from openplatform.core.errors import FieldInvalid, FileInvalid, UnknownField
from openplatform.core.identifiers import dated_no
from openplatform.core.json_text import to_json
from openplatform.core.locking import require_transaction, transactional
from openplatform.core.statements import send
from openplatform.core.uploads.files import CleanFile, ReceivedFile
from openplatform.core.uploads.storage import delete_quietly, storing
from openplatform.idempotency.services.replay import (
    Answer,
    ReplayKey,
    claim,
    kept_answer,
    record,
)
from openplatform.imports.readers import ZIP_MAGIC
from reconciliation.comparing.heads import FIELDS, MAX_HEAD
from reconciliation.comparing.reading import UTF_16
from reconciliation.documents import reconciliation_document
from reconciliation.models import Reconciliation, Statement
from reconciliation.services.requesting import order_statement_step

FOLDER = "reconciliations"
PREFIX = "C"
STATUS = 202
MAX_BYTES = 25 * 1024 * 1024
LOOKED_AT = 8192  # bytes; only UTF-16 has zeros among those of a text
OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"  # .xls
NO_LANGUAGE = "en"

# Of the same file twice at once one inserts, and the other finds its row. One that failed is begun
# anew: what it failed for may have been put right, such as a column that is known by now, or a file
# that was lost from the store. The sweeper takes the file that was there before.
INSERT = """
    INSERT INTO reconciliation_reconciliation AS report
        (reconciliation_no, partner_id, statement_id, filename, file, file_sha256, given_columns,
         columns, fingerprint, faults, fault_count, language, results, report_files, requested_by,
         status)
    VALUES (%(reconciliation_no)s, %(partner_id)s, %(statement_id)s, %(filename)s, %(file)s,
        %(file_sha256)s, %(given_columns)s::jsonb, '{}', %(fingerprint)s, '[]', 0, %(language)s,
        '{}', '{}', %(by)s, 'preparing')
    ON CONFLICT (partner_id, fingerprint) DO UPDATE
        SET status = 'preparing', due_at = clock_timestamp(), attempts = 0, rows_done = 0,
            error = '', faults = '[]', fault_count = 0, language = excluded.language,
            requested_by = excluded.requested_by, file = excluded.file,
            filename = excluded.filename
        WHERE report.status = 'failed'
    RETURNING id
"""
IN_USE = "SELECT file FROM reconciliation_reconciliation WHERE file = ANY(%(names)s::text[])"
REPORTS_IN_USE = """
    SELECT name
    FROM reconciliation_reconciliation, jsonb_each_text(report_files) AS kept (language, name)
    WHERE name = ANY(%(names)s::text[])
"""


def upload_file(
    *,
    partner_id: int,
    file: ReceivedFile,
    period_start: date,
    period_end: date,
    columns: Mapping[str, str] | None,
    by: str,
    now: datetime,
    replay: ReplayKey | None = None,
) -> Answer:
    """The report on a merchant's file (202), to be made by a worker against the statement of the
    period, which is ordered when there is none. The same file for the same period with the same
    columns is the same report.

    1. Look at the file's first bytes and store it; what is wrong within it the worker tells.
    2. Claim the Idempotency-Key, lock the partner, order the statement, insert the report.

    :param columns: our field: the name in the head; None, or without some fields, where the names
        tell it.
    :param by: a user name, or the actor of a merchant's key.
    :raises IdempotencyKeyReused: when the key was used with another form.
    :raises FileInvalid: when it is empty, over 25 MB, or neither a workbook nor text.
    :raises UnknownField: for a column that is none of ours.
    :raises FieldInvalid: for a name in the head that is empty, too long or given twice; for days in
        the wrong order, too many, or before the year 2000.
    :raises PeriodOpen: as long as the last day has not ended by the database's clock.
    """
    if (kept := kept_answer(replay)) is not None:
        return _answered_anew(partner_id, kept)
    require_columns(columns)
    clean = _accept(file)
    with storing(clean, folder=FOLDER, now=now) as name:
        answer, is_used = _write(
            partner_id=partner_id,
            name=name,
            filename=file.filename or f"{FOLDER}.{clean.extension}",
            sha256=clean.sha256,
            period=(period_start, period_end),
            columns=columns,
            by=by,
            now=now,
            replay=replay,
        )
    if not is_used:
        delete_quietly(name)
    return answer


def require_columns(columns: Mapping[str, str] | None) -> None:
    """:raises UnknownField, FieldInvalid: see :func:`upload_file`."""
    if columns is None:
        return
    for field, name in columns.items():
        pointer = f"/columns/{field}"
        if field not in FIELDS:
            raise UnknownField(pointer=pointer)
        if not name.strip() or len(name) > MAX_HEAD:
            raise FieldInvalid(pointer=pointer)
        if list(columns.values()).count(name) > 1:
            raise FieldInvalid(_("One column cannot be two of ours"), pointer=pointer)


@transactional
def _write(
    *,
    partner_id: int,
    name: str,
    filename: str,
    sha256: str,
    period: tuple[date, date],
    columns: Mapping[str, str] | None,
    by: str,
    now: datetime,
    replay: ReplayKey | None,
) -> tuple[Answer, bool]:
    """The answer, and whether the stored file is the report's."""
    if (kept := claim(replay)) is not None:
        return _answered_anew(partner_id, kept), False
    lock_partner(pk=partner_id)
    first, last = period
    statement = order_statement_step(
        partner_id=partner_id, period_start=first, period_end=last, by=by, now=now
    )
    reconciliation = _insert(
        statement, name=name, filename=filename, sha256=sha256, columns=columns, by=by, now=now
    )
    document = reconciliation_document(reconciliation)
    record(replay, Answer(STATUS, to_json({"reconciliation_no": reconciliation.reconciliation_no})))
    return Answer(STATUS, to_json(document)), reconciliation.file == name


def _insert(
    statement: Statement,
    *,
    name: str,
    filename: str,
    sha256: str,
    columns: Mapping[str, str] | None,
    by: str,
    now: datetime,
) -> Reconciliation:
    require_transaction()
    fingerprint = _fingerprint_of(statement, sha256, columns)
    row = send(
        INSERT,
        {
            "reconciliation_no": dated_no(PREFIX, now),
            "partner_id": statement.partner_id,
            "statement_id": statement.pk,
            "filename": filename,
            "file": name,
            "file_sha256": sha256,
            "given_columns": None if columns is None else to_json(dict(columns)).decode(),
            "fingerprint": fingerprint,
            "language": get_language() or NO_LANGUAGE,
            "by": by,
        },
    ).row()
    reconciliation = Reconciliation.objects.select_related("statement", "partner").get(
        partner=statement.partner_id, fingerprint=fingerprint
    )
    if row is not None:
        record_change(
            action="upload_reconciliation",
            subject=reconciliation,
            before={},
            after={
                "period_start": statement.period_start,
                "period_end": statement.period_end,
                "filename": reconciliation.filename,
                "sha256": sha256,
            },
            actor=by,
            partner_id=statement.partner_id,
        )
    return reconciliation


def _fingerprint_of(statement: Statement, sha256: str, columns: Mapping[str, str] | None) -> bytes:
    option = orjson.OPT_SORT_KEYS
    of = [
        sha256,
        statement.period_start,
        statement.period_end,
        None if columns is None else dict(columns),
    ]
    return hashlib.sha256(orjson.dumps(of, option=option)).digest()


def _accept(file: ReceivedFile) -> CleanFile:
    """By its first bytes, not by its name.

    :raises FileInvalid: see :func:`upload_file`.
    """
    content = file.content
    if not content:
        raise FileInvalid(_("The file is empty"), pointer="/file")
    if len(content) > MAX_BYTES:
        raise FileInvalid(_("A file has at most 25 MB"), pointer="/file", limit_bytes=MAX_BYTES)
    if content.startswith(ZIP_MAGIC):
        return CleanFile(content, "xlsx")
    if content.startswith(OLD_WORKBOOK):
        raise FileInvalid(
            _("This is a workbook of the old kind (.xls); save it as XLSX"), pointer="/file"
        )
    beginning = content[:LOOKED_AT]
    is_utf_16 = beginning.startswith(tuple(UTF_16.values()))
    if not is_utf_16 and b"\0" in beginning[::2] and b"\0" in beginning[1::2]:
        raise FileInvalid(_("This is neither text nor XLSX"), pointer="/file")
    return CleanFile(content, "csv")


def _answered_anew(partner_id: int, kept: Answer) -> Answer:
    """The first answer, as the report is now."""
    reconciliation = Reconciliation.objects.select_related("statement", "partner").get(
        partner=partner_id, reconciliation_no=orjson.loads(kept.body)["reconciliation_no"]
    )
    body = to_json(reconciliation_document(reconciliation))
    return Answer(kept.status, body, is_replay=True)


def list_uploaded_files(names: Collection[str]) -> Collection[str]:
    """Which of these files some report is about."""
    return {name for (name,) in send(IN_USE, {"names": list(names)}).rows()}


def list_report_files(names: Collection[str]) -> Collection[str]:
    """Which of these files hold some report."""
    return {name for (name,) in send(REPORTS_IN_USE, {"names": list(names)}).rows()}
