"""How much of a limit is used up."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Bucket(models.Model):
    """A leaky bucket (GCRA): it is empty again at ``empty_at``. Unlogged; losing it loses nothing.

    ``name`` is what is limited and whose: ``key:7``, ``partner:3``, ``missing:7``,
    ``sign_in_address:192.0.2.7``.
    """

    name = models.CharField(_("name"), max_length=64, primary_key=True)
    empty_at = models.DateTimeField(_("empty at"))

    class Meta:
        verbose_name = _("rate limit")
        verbose_name_plural = _("rate limits")

    def __str__(self) -> str:
        return self.name
