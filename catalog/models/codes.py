"""Codes that people write: of SKUs, products, categories, pools and warehouses."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

CODE_PATTERN = r"\A[A-Za-z0-9._-]{1,64}\Z"
MAX_QUANTITY = 1_000_000


def code_field() -> models.CharField[str, str]:
    """A column for a code, unique in its table; case counts."""
    return models.CharField(
        _("code"), max_length=64, unique=True, validators=[RegexValidator(CODE_PATTERN)]
    )
