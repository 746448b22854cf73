"""The operator's desk, and what the merchants were told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from openplatform.messaging.models import Message
from openplatform.messaging.services.sequencing import sequence_outbox
from tests.cast import Merchant
from tests.imports.files import desk  # noqa: F401 - a fixture

Told = Callable[[Merchant], list[tuple[str, list[str]]]]


@pytest.fixture
def told(db: None) -> Told:
    """What a merchant was told since it was last asked: type and SKUs of each message."""
    heard: dict[int, int] = {}

    def ask(merchant: Merchant) -> list[tuple[str, list[str]]]:
        sequence_outbox()
        partner_id = merchant.partner.pk
        messages = Message.objects.filter(
            partner_id=partner_id, sequence__gt=heard.get(partner_id, 0)
        ).order_by("sequence")
        told = []
        for message in messages:
            heard[partner_id] = message.sequence
            told.append((message.type, message.data["skus"]))
        return told

    return ask
