"""Calls are kept until every bill for them is checked."""

from __future__ import annotations

from openplatform.connectors.models import ProviderCall
from openplatform.core.pruning import prune

CALLS_KEPT_DAYS = 400


def prune_calls() -> int:
    """Daily job: forget calls of more than a year ago; how many there were."""
    return prune(ProviderCall.objects.all(), kept_days=CALLS_KEPT_DAYS)
