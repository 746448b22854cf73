"""The refusal of a request that is one too many."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from openplatform.core.errors import DomainError


class RateLimited(DomainError):
    """``policy`` and ``limit`` say which limit of how many requests a minute it was."""

    code = "rate_limited"
    status = 429
    title = _("Too many requests; wait before the next one")
    retry_after = 1  # at least; each refusal says how long

    def __init__(self, *, policy: str, limit: int, retry_after: int) -> None:
        super().__init__(policy=policy, limit=limit)
        self.retry_after = retry_after
