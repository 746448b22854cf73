"""Files of statements."""

from __future__ import annotations

from collections.abc import Collection

from django.utils.translation import gettext_lazy as _

from reconciliation.errors import StatementNotReady
from reconciliation.models import Statement, StatementFile
from reconciliation.states import PaperStatus

FOLDER = "statements"


def get_statement_file(statement: Statement, format: str, language: str) -> StatementFile:
    """A file of a statement, whose ``statement`` it is.

    :raises StatementNotReady: while it is being made, and when it could not be made; the fact
        ``status`` tells which.
    """
    if statement.status == PaperStatus.FAILED:
        failed = StatementNotReady(_("The statement could not be made"), status=statement.status)
        failed.retry_after = None  # it stays so until somebody has it made again
        raise failed
    if statement.status != PaperStatus.READY:
        raise StatementNotReady(status=statement.status)
    file = StatementFile.objects.get(statement=statement, format=format, language=language)
    file.statement = statement
    return file


def list_statement_files(names: Collection[str]) -> Collection[str]:
    """Which of these stored files some statement has."""
    return set(StatementFile.objects.filter(file__in=names).values_list("file", flat=True))
