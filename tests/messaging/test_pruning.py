from __future__ import annotations

from datetime import timedelta

import pytest

from openplatform.core import clock, pruning
from openplatform.messaging.models import Message, MessageCursor, WebhookEndpoint
from openplatform.messaging.services.pruning import prune_messages, prune_webhooks
from openplatform.messaging.services.sequencing import sequence_outbox
from tests.cast import Merchant
from tests.messaging.hooks import attempt, make_endpoint, set_fields, settle, take, tell_orders
from tests.messaging.told import tell, told

OLD = timedelta(days=30, minutes=1)
YOUNG = timedelta(days=29, hours=23)


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


def test_attempts_are_forgotten_when_they_are_older_than_thirty_days(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "BATCH", 2)
    endpoint = make_endpoint(merchant)
    tell_orders(merchant, 1)
    (delivery,) = take(endpoint)
    now = clock.now()
    for number in range(1, 6):
        attempt(delivery, number, started_at=now - OLD)
    attempt(delivery, 6, started_at=now - YOUNG)

    assert prune_webhooks() == 5

    assert [one.number for one in delivery.tried.all()] == [6]
    assert prune_webhooks() == 0


def test_deliveries_are_forgotten_with_their_last_attempt(merchant: Merchant) -> None:
    endpoint = make_endpoint(merchant)
    tell_orders(merchant, 3)
    done, tried_lately, young = take(endpoint)
    now = clock.now()
    attempt(done, started_at=now - OLD)
    attempt(tried_lately, started_at=now - YOUNG)
    for delivery, age in ((done, OLD), (tried_lately, OLD), (young, YOUNG)):
        settle(delivery)
        set_fields(delivery, created_at=now - age)

    assert prune_webhooks() == 2

    assert list(endpoint.deliveries.order_by("sequence")) == [tried_lately, young]


def test_delivery_is_set_aside_when_its_message_is_gone(merchant: Merchant) -> None:
    endpoint = make_endpoint(merchant)
    tell_orders(merchant, 2)
    gone, waiting = take(endpoint)
    Message.objects.filter(sequence=1).update(created_at=clock.now() - OLD)
    prune_messages()

    prune_webhooks()

    gone.refresh_from_db()
    waiting.refresh_from_db()
    assert (gone.status, gone.next_attempt_at) == ("set_aside", None)
    assert waiting.status == "pending"


def test_endpoint_is_forgotten_thirty_days_after_it_was_deleted(merchant: Merchant) -> None:
    kept, young, old, old_with_rows = (make_endpoint(merchant) for _ in range(4))
    tell_orders(merchant, 1)
    (delivery,) = take(old_with_rows)
    attempt(delivery)
    now = clock.now()
    set_fields(young, deleted_at=now - YOUNG)
    set_fields(old, deleted_at=now - OLD)
    set_fields(old_with_rows, deleted_at=now - OLD)

    assert prune_webhooks() == 1

    assert set(WebhookEndpoint.objects.all()) == {kept, young, old_with_rows}
