"""The states of a file that came in through the back office, as a table."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class RunStatus(models.TextChoices):
    """How far a file has come. Nothing is written before ``importing``, which a person starts."""

    UPLOADED = "uploaded", _("Uploaded")
    CHECKING = "checking", _("Being checked")
    CHECKED = "checked", _("To be confirmed")
    REFUSED = "refused", _("Refused")
    IMPORTING = "importing", _("Being imported")
    IMPORTED = "imported", _("Imported")
    FAILED = "failed", _("Failed")


S = RunStatus

RUN_TRANSITIONS: dict[RunStatus, frozenset[RunStatus]] = {
    S.UPLOADED: frozenset({S.CHECKING}),
    S.CHECKING: frozenset({S.CHECKED, S.REFUSED, S.FAILED}),
    # Back to uploaded: the file is checked again, since what it leans on has changed.
    S.CHECKED: frozenset({S.IMPORTING, S.UPLOADED}),
    S.REFUSED: frozenset({S.UPLOADED}),
    # Back to checked: since the check it has got other warnings, which somebody has to see.
    S.IMPORTING: frozenset({S.IMPORTED, S.FAILED, S.CHECKED}),
    S.IMPORTED: frozenset(),
    S.FAILED: frozenset({S.UPLOADED}),
}
# What a worker has to do with.
DUE = frozenset({S.UPLOADED, S.CHECKING, S.IMPORTING})
CONFIRMED = frozenset({S.IMPORTING, S.IMPORTED})
