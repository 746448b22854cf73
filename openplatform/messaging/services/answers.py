"""What partners' programs do to their webhooks, answered once and the same again to a retry.

What is shown once is not kept: a retry is answered without the secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from openplatform.core.json_text import to_json
from openplatform.core.locking import transactional
from openplatform.idempotency.services.replay import (
    Answer,
    ReplayKey,
    claim,
    kept_answer,
    record,
)
from openplatform.messaging.models import WebhookEndpoint
from openplatform.messaging.selectors import (
    get_endpoint,
    list_delivery_documents,
    list_endpoint_documents,
)
from openplatform.messaging.services import endpoints, resending

DONE, CREATED, ACCEPTED, NO_CONTENT = 200, 201, 202, 204


@dataclass(frozen=True, slots=True)
class _Written:
    """What a write answers. ``secrets`` go out beside the document, this once."""

    status: int
    document: Mapping[str, Any] | None
    secrets: Mapping[str, str] = field(default_factory=dict)


def answer_creation(
    *, partner_id: int, asked: Mapping[str, Any], actor: str, replay: ReplayKey | None
) -> Answer:
    """A new endpoint; see :func:`endpoints.create_endpoint` for what may stand against it.

    The key is looked at first, for a retry must not depend on what name servers say by then.
    """
    if (kept := kept_answer(replay)) is not None:
        return kept
    terms = endpoints.check_terms(**asked)

    def write() -> _Written:
        endpoint, secret = endpoints.add_endpoint(partner_id=partner_id, terms=terms, actor=actor)
        return _Written(CREATED, _document(endpoint), {"secret": secret})

    return _answer_once(replay, write)


def answer_change(
    *,
    endpoint_id: str,
    partner_id: int,
    asked: Mapping[str, Any],
    actor: str,
    replay: ReplayKey | None,
) -> Answer:
    """An endpoint on other terms; see :func:`endpoints.change_endpoint`."""
    if (kept := kept_answer(replay)) is not None:
        return kept
    status = asked.get("status")
    terms = endpoints.check_terms(
        **{name: value for name, value in asked.items() if name != "status"},
        of=get_endpoint(partner_id=partner_id, endpoint_id=endpoint_id),
    )

    def write() -> _Written:
        endpoint = endpoints.alter_endpoint(
            endpoint_id=endpoint_id,
            partner_id=partner_id,
            terms=terms,
            status=status,
            actor=actor,
            is_staff=False,
        )
        return _Written(DONE, _document(endpoint))

    return _answer_once(replay, write)


def answer_rotation(
    *, endpoint_id: str, partner_id: int, actor: str, replay: ReplayKey | None
) -> Answer:
    """Another secret; see :func:`endpoints.rotate_secret`."""

    def write() -> _Written:
        endpoint, secret = endpoints.replace_secret(
            endpoint_id=endpoint_id, partner_id=partner_id, actor=actor
        )
        return _Written(DONE, _document(endpoint), {"secret": secret})

    return _answer_once(replay, write)


def answer_deletion(
    *, endpoint_id: str, partner_id: int, actor: str, replay: ReplayKey | None
) -> Answer:
    """No endpoint any more; see :func:`endpoints.delete_endpoint`."""

    def write() -> _Written:
        endpoints.remove_endpoint(endpoint_id=endpoint_id, partner_id=partner_id, actor=actor)
        return _Written(NO_CONTENT, None)

    return _answer_once(replay, write)


def answer_test(
    *, endpoint_id: str, partner_id: int, actor: str, replay: ReplayKey | None
) -> Answer:
    """A test message on its way, and by what it is found; see :func:`resending.send_test`."""

    def write() -> _Written:
        told = resending.ask_for_test(endpoint_id=endpoint_id, partner_id=partner_id, actor=actor)
        return _Written(ACCEPTED, {"type": told.type, "subject": told.subject})

    return _answer_once(replay, write)


def answer_replay(
    *,
    endpoint_id: str,
    partner_id: int,
    after_sequence: int,
    actor: str,
    replay: ReplayKey | None,
) -> Answer:
    """How many messages go again; see :func:`resending.replay`."""

    def write() -> _Written:
        count = resending.go_back(
            endpoint_id=endpoint_id,
            partner_id=partner_id,
            after_sequence=after_sequence,
            actor=actor,
        )
        return _Written(ACCEPTED, {"after_sequence": after_sequence, "message_count": count})

    return _answer_once(replay, write)


def answer_resend(
    *,
    endpoint_id: str,
    partner_id: int,
    message_id: str,
    actor: str,
    replay: ReplayKey | None,
) -> Answer:
    """The delivery that goes once more; see :func:`resending.resend`."""

    def write() -> _Written:
        delivery = resending.send_once_more(
            endpoint_id=endpoint_id, partner_id=partner_id, message_id=message_id, actor=actor
        )
        endpoint = get_endpoint(partner_id=partner_id, endpoint_id=endpoint_id)
        (document,) = list_delivery_documents([delivery], endpoint=endpoint)
        return _Written(ACCEPTED, document)

    return _answer_once(replay, write)


@transactional
def _answer_once(replay: ReplayKey | None, write: Callable[[], _Written]) -> Answer:
    """1. claim the key, 2. lock, check and write, 3. keep the answer without its secrets."""
    if (kept := claim(replay)) is not None:
        return kept
    written = write()
    if written.document is None:
        answer = kept = Answer(written.status, b"")
    else:
        kept = Answer(written.status, to_json(written.document))
        answer = Answer(written.status, to_json({**written.document, **written.secrets}))
    record(replay, kept)
    return answer


def _document(endpoint: WebhookEndpoint) -> dict[str, Any]:
    (document,) = list_endpoint_documents([endpoint])
    return document
