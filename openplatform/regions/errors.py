"""Refusals that concern the address library."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from openplatform.core.errors import DomainError


class RegionUnknown(DomainError):
    code = "region_unknown"
    status = 422
    title = _("This region code is not in the address library")
