"""Refusals about decisions."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from openplatform.core.errors import DomainError


class SecondPersonNeeded(DomainError):
    code = "second_person_needed"
    status = 409
    title = _("Whoever asked for this cannot decide it; another person has to")


class AlreadyDecided(DomainError):
    code = "already_decided"
    status = 409
    title = _("This was decided already")


class AlreadyWaiting(DomainError):
    code = "already_waiting"
    status = 409
    title = _("The same is waiting for a decision already")
