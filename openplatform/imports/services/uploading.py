"""Files come in through the back office, are kept, and forgotten."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from openplatform.audit.services.recording import record_change
from openplatform.core.errors import FileInvalid, NotFound
from openplatform.core.locking import transactional
from openplatform.core.statements import send
from openplatform.core.uploads.files import CleanFile, safe_filename
from openplatform.core.uploads.storage import delete_quietly, storing
from openplatform.imports.models import ImportRun
from openplatform.imports.readers import ZIP_MAGIC
from openplatform.imports.resources import Resource, get_resource
from openplatform.imports.selectors import may_use

FOLDER = "imports"
MAX_BYTES = 20 * 1024 * 1024
KEPT_DAYS = 30
BATCH = 500
LOOKED_AT = 8192  # bytes; a text has no zero among them
OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"  # .xls

FORGET = """
    DELETE FROM imports_importrun WHERE id IN (
        SELECT id FROM imports_importrun
        WHERE created_at < statement_timestamp() - make_interval(days => %s) AND due_at IS NULL
        ORDER BY created_at LIMIT %s FOR UPDATE SKIP LOCKED
    )
    RETURNING file
"""


def upload_import(
    *, resource: str, file: UploadedFile[bytes], user: User, language: str, now: datetime
) -> ImportRun:
    """A file that a worker checks as soon as it can.

    The file is kept as it was sent, for the workers, and shown to nobody. What is wrong within it,
    its text encoding among that, the check tells row by row.

    :param language: of the texts in which the check tells.
    :raises NotFound: when there is no such resource, or not for this user.
    :raises FileInvalid: when it is empty, over 20 MB, or neither a workbook nor text.
    """
    found = get_resource(resource)
    if not may_use(user, found):
        raise NotFound(pointer="/resource")
    clean = _accept(file)
    filename = safe_filename(file.name or "") or f"{found.name}.{clean.extension}"
    with storing(clean, folder=FOLDER, now=now) as name:
        return _write(found, clean, name, filename, user=user, language=language)


@transactional
def _write(
    resource: Resource, clean: CleanFile, name: str, filename: str, *, user: User, language: str
) -> ImportRun:
    run = ImportRun.objects.create(
        resource=resource.name,
        filename=filename,
        file=name,
        sha256=clean.sha256,
        size_bytes=clean.size,
        language=language,
        user=user,
    )
    record_change(
        action="upload_import",
        subject=run,
        before={},
        after={
            "resource": run.resource,
            "filename": run.filename,
            "sha256": run.sha256,
            "size_bytes": run.size_bytes,
        },
        actor=user.get_username(),
    )
    return run


def _accept(file: UploadedFile[bytes]) -> CleanFile:
    """By its first bytes, not by its name.

    :raises FileInvalid: see :func:`upload_import`.
    """
    if not file.size:
        raise FileInvalid(_("The file is empty"), pointer="/file")
    if file.size > MAX_BYTES:
        raise FileInvalid(_("A file has at most 20 MB"), pointer="/file", limit_bytes=MAX_BYTES)
    content = file.read()
    if content.startswith(ZIP_MAGIC):
        return CleanFile(content, "xlsx")
    if content.startswith(OLD_WORKBOOK):
        raise FileInvalid(
            _("This is a workbook of the old kind (.xls); save it as XLSX"), pointer="/file"
        )
    if b"\0" in content[:LOOKED_AT]:
        raise FileInvalid(
            _("This is neither CSV in UTF-8 nor XLSX; save it as “CSV UTF-8” or as XLSX"),
            pointer="/file",
        )
    return CleanFile(content, "csv")


def prune_imports() -> int:
    """Daily: forget runs of more than 30 days ago, and their files; how many.

    What they wrote stays in the audit trail.
    """
    pruned = 0
    while gone := send(FORGET, [KEPT_DAYS, BATCH]).rows():
        for (name,) in gone:
            delete_quietly(name)
        pruned += len(gone)
    return pruned
