from __future__ import annotations

from datetime import timedelta

import pytest

from openplatform.core import clock, pruning
from openplatform.messaging.models import Message, MessageCursor
from openplatform.messaging.services.pruning import prune_messages
from openplatform.messaging.services.sequencing import sequence_outbox
from tests.cast import Merchant
from tests.messaging.told import tell, told


def test_messages_are_forgotten_when_they_are_older_than_thirty_days(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "BATCH", 2)
    for number in range(7):
        tell(merchant, n=number)
    sequence_outbox()
    Message.objects.filter(sequence__lte=5).update(
        created_at=clock.now() - timedelta(days=30, minutes=1)
    )
    Message.objects.filter(sequence=6).update(created_at=clock.now() - timedelta(days=29, hours=23))

    assert prune_messages() == 5

    assert [sequence for sequence, _, _ in told(merchant)] == [6, 7]
    assert prune_messages() == 0


def test_sequence_goes_on_when_everything_was_forgotten(merchant: Merchant) -> None:
    tell(merchant)
    sequence_outbox()
    Message.objects.update(created_at=clock.now() - timedelta(days=31))
    prune_messages()

    tell(merchant)
    sequence_outbox()

    assert [sequence for sequence, _, _ in told(merchant)] == [2]
    assert MessageCursor.objects.get().last_sequence == 2
