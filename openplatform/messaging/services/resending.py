"""Messages sent on purpose: a test, all from a point on, one of them again."""

from __future__ import annotations

from django.db.models.functions import Now

from openplatform.audit.services.recording import record_change
from openplatform.core.errors import FieldInvalid, NotFound
from openplatform.core.locking import require_transaction, transactional
from openplatform.core.statements import send
from openplatform.core.wakeups import MESSAGES, wake
from openplatform.messaging.documents import endpoint_notice, endpoint_subject
from openplatform.messaging.errors import CursorExpired, MessageExpired, WebhookEndpointDisabled
from openplatform.messaging.messages import TEST_PING
from openplatform.messaging.models import Message, WebhookDelivery, WebhookEndpoint
from openplatform.messaging.selectors import (
    NOT_YET,
    count_wanted,
    get_endpoint,
    get_range,
    list_progress,
)
from openplatform.messaging.services.endpoints import lock_endpoint
from openplatform.messaging.services.publishing import Draft, publish_all

AGAIN = """
    UPDATE messaging_webhookdelivery
    SET status = 'pending', tries = 0, next_attempt_at = clock_timestamp(), is_wanted_now = true,
        delivered_at = NULL
    WHERE endpoint_id = %s AND sequence = %s
    RETURNING id
"""


@transactional
def send_test(*, endpoint_id: str, partner_id: int, actor: str) -> None:
    """A ``test.ping`` to this endpoint, whatever types it takes, and to the feed.

    :raises NotFound: when the partner has no such endpoint.
    :raises WebhookEndpointDisabled: when it is disabled.
    """
    ask_for_test(endpoint_id=endpoint_id, partner_id=partner_id, actor=actor)


@transactional
def replay(*, endpoint_id: str, partner_id: int, after_sequence: int, actor: str) -> int:
    """Send again what comes after a sequence; how many messages will go again.

    Messages that were not taken from the log yet go as they would have, and do not count. While
    the endpoint fails or is disabled, all of them wait.

    :raises NotFound: when the partner has no such endpoint.
    :raises FieldInvalid: for a sequence beyond the last there is, with ``head``.
    :raises CursorExpired: when messages behind it are gone, with the oldest kept.
    """
    return go_back(
        endpoint_id=endpoint_id, partner_id=partner_id, after_sequence=after_sequence, actor=actor
    )


@transactional
def resend(*, endpoint_id: str, partner_id: int, message_id: str, actor: str) -> WebhookDelivery:
    """Send one message again, at once and with all its tries, whatever became of it.

    :raises NotFound: when the partner has no such endpoint, or this was never on its way there.
    :raises WebhookEndpointDisabled: when the endpoint is disabled.
    :raises MessageExpired: when the message is older than what is kept.
    """
    return send_once_more(
        endpoint_id=endpoint_id, partner_id=partner_id, message_id=message_id, actor=actor
    )


def ask_for_test(*, endpoint_id: str, partner_id: int, actor: str) -> Draft:
    """Step: see :func:`send_test`. The message, which gets its number afterwards."""
    endpoint = lock_endpoint(endpoint_id=endpoint_id, partner_id=partner_id)
    _require_not_disabled(endpoint)
    progress = list_progress([endpoint.pk])[endpoint.pk]
    test = Draft(
        type=TEST_PING,
        subject=endpoint_subject(endpoint.endpoint_id),
        data=endpoint_notice(endpoint, last_delivered_sequence=progress.last_delivered_sequence),
        partner_ids=[partner_id],
    )
    publish_all([test])
    _record("test_webhook_endpoint", endpoint, actor=actor)
    return test


def go_back(*, endpoint_id: str, partner_id: int, after_sequence: int, actor: str) -> int:
    """Step: see :func:`replay`."""
    endpoint = lock_endpoint(endpoint_id=endpoint_id, partner_id=partner_id)
    oldest, head = get_range(partner_id=partner_id)
    if after_sequence > head:
        raise FieldInvalid(NOT_YET, pointer="/after_sequence", head=head)
    if after_sequence < oldest - 1:
        raise CursorExpired(pointer="/after_sequence", oldest=oldest)
    taken = endpoint.taken_sequence
    if after_sequence >= taken:
        return 0
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
        taken_sequence=after_sequence, updated_at=Now()
    )
    _record(
        "replay_webhooks", endpoint, actor=actor,
        taken_sequence=after_sequence, was={"taken_sequence": taken},
    )  # fmt: skip
    wake(MESSAGES)
    return count_wanted(endpoint, after=after_sequence, until=taken)


def send_once_more(
    *, endpoint_id: str, partner_id: int, message_id: str, actor: str
) -> WebhookDelivery:
    """Step: see :func:`resend`.

    The endpoint's row is read, not locked: who sends writes deliveries first and endpoints then.
    """
    require_transaction()
    endpoint = get_endpoint(partner_id=partner_id, endpoint_id=endpoint_id)
    message = Message.objects.filter(message_id=message_id, partner_id=partner_id).first()
    own = WebhookDelivery.objects.filter(endpoint=endpoint)
    if message is None:
        if own.filter(message_id=message_id).exists():
            raise MessageExpired
        raise NotFound
    if not own.filter(sequence=message.sequence).exists():
        raise NotFound
    _require_not_disabled(endpoint)
    if (found := send(AGAIN, [endpoint.pk, message.sequence]).row()) is None:
        raise NotFound
    _record("resend_webhook", endpoint, actor=actor, message_id=message_id)
    wake(MESSAGES)
    return own.get(pk=found[0])


def _require_not_disabled(endpoint: WebhookEndpoint) -> None:
    if endpoint.status == WebhookEndpoint.Status.DISABLED:
        raise WebhookEndpointDisabled(disabled_reason=endpoint.disabled_reason)


def _record(
    action: str,
    endpoint: WebhookEndpoint,
    *,
    actor: str,
    was: dict[str, object] | None = None,
    **facts: object,
) -> None:
    record_change(
        action=action,
        subject=endpoint,
        before=was or {},
        after=facts,
        actor=actor,
        partner_id=endpoint.partner_id,
    )
