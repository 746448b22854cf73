"""What merchants hear of a change of the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from openplatform.core.locking import transactional
from openplatform.messaging.models import Message, Outbox
from openplatform.messaging.services.sequencing import sequence_outbox
from tests.cast import Merchant

R = TypeVar("R")


def act(step: Callable[[], R]) -> R:
    """Run a step in a transaction of its own, with an empty outbox before it."""
    Outbox.objects.all().delete()
    Message.objects.all().delete()
    return transactional(step)()


def news_of(merchant: Merchant) -> list[tuple[str, dict[str, Any]]]:
    """Type and data of what a merchant has heard, in order."""
    while sequence_outbox():
        pass
    rows = Message.objects.filter(partner=merchant.partner).order_by("sequence")
    return [(row.type, row.data) for row in rows]
