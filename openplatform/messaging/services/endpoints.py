"""Webhook endpoints: added, changed, given another secret, deleted.

Who sends to an endpoint reads its row and writes to it under a lease of its own, so nothing here
waits for a request that is under way, and no deliveries that are being written are waited for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from openplatform.audit.services.recording import record_change
from openplatform.core.errors import DomainError, FieldInvalid, NotFound, TooManyItems, refuse_if
from openplatform.core.identifiers import random_text
from openplatform.core.locking import require_transaction, transactional
from openplatform.core.outgoing.addresses import require_allowed_url
from openplatform.core.sealing import SealBroken, seal, unseal
from openplatform.core.statements import send
from openplatform.core.wakeups import MESSAGES, wake
from openplatform.messaging.documents import endpoint_notice, endpoint_subject
from openplatform.messaging.errors import WebhookEndpointDisabled
from openplatform.messaging.headers import (
    list_header_faults,
    masked_headers,
    merge_headers,
    seal_headers,
    unseal_headers,
)
from openplatform.messaging.messages import ENDPOINT_DISABLED
from openplatform.messaging.models import MessageCursor, WebhookEndpoint
from openplatform.messaging.models.webhooks import MAX_DESCRIPTION, MAX_URL
from openplatform.messaging.selectors import get_endpoint, list_endpoints, list_progress
from openplatform.messaging.services.barring import require_free_address, require_not_barred
from openplatform.messaging.services.publishing import publish
from openplatform.messaging.signatures import new_secret
from openplatform.messaging.types import TYPES

MAX_ENDPOINTS = 20  # of a partner
ID_LENGTH = 16  # characters of five bits each
OLD_SECRET_HOLDS = timedelta(hours=24)
MAX_ECHO = 64  # characters of an unknown type that are sent back, and how many such types
MAX_TOLD = 10
Status = WebhookEndpoint.Status
Reason = WebhookEndpoint.DisabledReason

# Endpoints of one partner are added one by one. Orders do not wait for this lock.
LOCK_PARTNER = "SELECT id FROM accounts_partner WHERE id = %s FOR NO KEY UPDATE"
# Rows that are being written just now are passed over: who writes them has them in hand, and goes
# on to the endpoint's row, which is locked here.
HURRY = """
    UPDATE messaging_webhookdelivery SET next_attempt_at = clock_timestamp()
    WHERE id IN (
        SELECT id FROM messaging_webhookdelivery WHERE endpoint_id = %s AND status = 'pending'
        FOR NO KEY UPDATE SKIP LOCKED
    )
"""
SET_ASIDE = """
    UPDATE messaging_webhookdelivery
    SET status = 'set_aside', next_attempt_at = NULL, is_wanted_now = false
    WHERE id IN (
        SELECT id FROM messaging_webhookdelivery WHERE endpoint_id = %s AND status = 'pending'
        FOR NO KEY UPDATE SKIP LOCKED
    )
"""


@dataclass(frozen=True, slots=True)
class Terms:
    """What an endpoint is to be like, checked; None stays as it is."""

    url: str | None = None
    types: Collection[str] | None = None
    description: str | None = None
    headers: Mapping[str, str] | None = None


def create_endpoint(
    *,
    partner_id: int,
    url: str,
    types: Collection[str],
    description: str,
    headers: Mapping[str, str],
    actor: str,
    is_staff: bool = False,
) -> tuple[WebhookEndpoint, str]:
    """A new endpoint, which is sent what comes from now on, and its secret, to be shown once.

    :param types: of messages; none: all of them.
    :param headers: sent with every message.
    :param is_staff: where an operator disabled the last endpoint of the partner, or deleted it,
        only an operator adds another.
    :raises Refusal: with a fault for each part that does not hold.
    :raises TooManyItems: when the partner has 20 of them.
    :raises WebhookEndpointDisabled: when an operator disabled what a merchant would have again.
    """
    terms = check_terms(url=url, types=types, description=description, headers=headers)
    return transactional(add_endpoint)(
        partner_id=partner_id, terms=terms, actor=actor, is_staff=is_staff
    )


def change_endpoint(
    *,
    endpoint_id: str,
    partner_id: int,
    actor: str,
    url: str | None = None,
    types: Collection[str] | None = None,
    description: str | None = None,
    headers: Mapping[str, str] | None = None,
    status: str | None = None,
    is_staff: bool = False,
) -> WebhookEndpoint:
    """An endpoint on other terms; None leaves a part as it is. No difference, no change.

    :param headers: all of them; the mask for a value keeps it.
    :param status: ``enabled`` has what waits sent in its order; ``disabled`` lets it wait.
    :param is_staff: what an operator disables, only an operator enables.
    :raises NotFound: when the partner has no such endpoint.
    :raises Refusal: with a fault for each part that does not hold.
    :raises WebhookEndpointDisabled: when an operator disabled what a merchant would enable, or
        move away, or the last endpoint at the new address.
    """
    kept = get_endpoint(partner_id=partner_id, endpoint_id=endpoint_id)
    terms = check_terms(url=url, types=types, description=description, headers=headers, of=kept)
    return transactional(alter_endpoint)(
        endpoint_id=endpoint_id, partner_id=partner_id, terms=terms, status=status, actor=actor,
        is_staff=is_staff,
    )  # fmt: skip


@transactional
def rotate_secret(*, endpoint_id: str, partner_id: int, actor: str) -> tuple[WebhookEndpoint, str]:
    """Another secret, to be shown once. The one before signs beside it for 24 hours; an older one,
    which was replaced by that, no longer does.

    :raises NotFound: when the partner has no such endpoint.
    """
    return replace_secret(endpoint_id=endpoint_id, partner_id=partner_id, actor=actor)


@transactional
def delete_endpoint(
    *, endpoint_id: str, partner_id: int, actor: str, is_staff: bool = False
) -> None:
    """Nothing is sent there any more, secrets and headers are gone. Its attempts are kept.

    A request that is under way ends as it does.

    :raises NotFound: when the partner has no such endpoint.
    """
    remove_endpoint(endpoint_id=endpoint_id, partner_id=partner_id, actor=actor, is_staff=is_staff)


def secrets_of(endpoint: WebhookEndpoint, now: datetime) -> list[str]:
    """The secrets that sign what is sent there now, the newest first.

    :raises SealBroken: when this platform's keys do not open the newest.
    """
    secrets = [unseal(endpoint.secret)]
    if endpoint.old_secret_until is not None and endpoint.old_secret_until > now:
        with suppress(SealBroken):  # the newest alone is what its receiver should check by then
            secrets.append(unseal(endpoint.old_secret))
    return secrets


def headers_of(endpoint: WebhookEndpoint) -> dict[str, str]:
    """The partner's own headers with their values.

    :raises SealBroken: when this platform's keys do not open them.
    """
    return unseal_headers(endpoint.headers)


def check_terms(
    *,
    url: str | None = None,
    types: Collection[str] | None = None,
    description: str | None = None,
    headers: Mapping[str, str] | None = None,
    of: WebhookEndpoint | None = None,
) -> Terms:
    """The terms, once all of them hold. A name may be looked up: no transaction is open here.

    :param of: the endpoint that is to be changed.
    :raises Refusal: with a fault for each part that does not hold.
    """
    faults: list[DomainError] = []
    if url is not None:
        if len(url) > MAX_URL:
            faults.append(FieldInvalid(pointer="/url", maximum=MAX_URL))
        else:
            try:
                require_allowed_url(
                    url, private_hosts=settings.WEBHOOK_PRIVATE_HOSTS, pointer="/url"
                )
            except DomainError as fault:
                faults.append(fault)
    if unknown := sorted(set(types or ()) - set(TYPES)):
        shown = [name[:MAX_ECHO] for name in unknown[:MAX_TOLD]]
        faults.append(
            FieldInvalid(_("There are no messages of this type"), pointer="/types", unknown=shown)
        )
    if description is not None and len(description) > MAX_DESCRIPTION:
        faults.append(FieldInvalid(pointer="/description", maximum=MAX_DESCRIPTION))
    if headers is not None:
        faults += list_header_faults(headers, masked_headers(of.headers) if of else {})
    refuse_if(faults)
    return Terms(
        url=url,
        types=None if types is None else sorted(set(types)),
        description=description,
        headers=headers,
    )


def add_endpoint(
    *, partner_id: int, terms: Terms, actor: str, is_staff: bool = False
) -> tuple[WebhookEndpoint, str]:
    """Step: a new endpoint on terms that were checked, and its secret.

    :raises TooManyItems: when the partner has 20 of them.
    :raises NotFound: when there is no such partner.
    :raises WebhookEndpointDisabled: see :func:`create_endpoint`.
    """
    require_transaction()
    if send(LOCK_PARTNER, [partner_id]).row() is None:
        raise NotFound(pointer="/partner")
    if not is_staff:
        require_free_address(partner_id=partner_id, url=terms.url or "")
    if list_endpoints(partner_id=partner_id).count() >= MAX_ENDPOINTS:
        raise TooManyItems(
            _("A partner has at most %(maximum)s webhook endpoints") % {"maximum": MAX_ENDPOINTS},
            maximum=MAX_ENDPOINTS,
        )
    secret = new_secret()
    endpoint = WebhookEndpoint.objects.create(
        endpoint_id=f"we_{random_text(ID_LENGTH)}",
        partner_id=partner_id,
        url=terms.url or "",
        types=list(terms.types or ()),
        description=terms.description or "",
        headers=seal_headers(terms.headers or {}),
        secret=seal(secret),
        taken_sequence=_head_of(partner_id),
    )
    _record("create_webhook_endpoint", endpoint, before={}, actor=actor)
    wake(MESSAGES)
    return endpoint, secret


def alter_endpoint(
    *,
    endpoint_id: str,
    partner_id: int,
    terms: Terms,
    status: str | None,
    actor: str,
    is_staff: bool,
) -> WebhookEndpoint:
    """Step: an endpoint on terms that were checked; see :func:`change_endpoint`.

    :raises NotFound: when the partner has no such endpoint.
    :raises FieldInvalid: when the value of a header was to be kept that is gone by now.
    :raises WebhookEndpointDisabled: see :func:`change_endpoint`.
    """
    endpoint = lock_endpoint(endpoint_id=endpoint_id, partner_id=partner_id)
    changes = _changed_terms(endpoint, terms)
    if "url" in changes:  # what the old receiver did, or asked for, says nothing of the new one
        changes["paused_until"] = None
        if not is_staff:
            require_not_barred(endpoint)  # moved away, it would leave its address free again
            require_free_address(partner_id=partner_id, url=changes["url"])
    was_disabled = endpoint.status == Status.DISABLED
    changes |= _changed_status(endpoint, status, is_staff=is_staff)
    if not changes:
        return endpoint
    before = _recorded(endpoint)
    _write(endpoint, **changes)
    _record("change_webhook_endpoint", endpoint, before=before, actor=actor,
            headers_set=sorted(terms.headers or ()) if "headers" in changes else None)  # fmt: skip
    if status == Status.ENABLED:
        send(HURRY, [endpoint.pk])
    if endpoint.status == Status.DISABLED and not was_disabled:
        _tell_disabled(endpoint)
    wake(MESSAGES)
    return endpoint


def replace_secret(*, endpoint_id: str, partner_id: int, actor: str) -> tuple[WebhookEndpoint, str]:
    """Step: see :func:`rotate_secret`."""
    endpoint = lock_endpoint(endpoint_id=endpoint_id, partner_id=partner_id)
    secret = new_secret()
    _write(
        endpoint,
        secret=seal(secret),
        old_secret=bytes(endpoint.secret),
        old_secret_until=Now() + OLD_SECRET_HOLDS,
    )
    record_change(
        action="rotate_webhook_secret",
        subject=endpoint,
        before={},
        after={"old_secret_until": endpoint.old_secret_until},
        actor=actor,
        partner_id=partner_id,
    )
    return endpoint, secret


def remove_endpoint(
    *, endpoint_id: str, partner_id: int, actor: str, is_staff: bool = False
) -> None:
    """Step: see :func:`delete_endpoint`."""
    endpoint = lock_endpoint(endpoint_id=endpoint_id, partner_id=partner_id)
    before = _recorded(endpoint)
    _write(
        endpoint,
        **_disabled(endpoint.disabled_reason or _reason(is_staff=is_staff)),
        deleted_at=Now(),
        headers=b"",
        secret=b"",
        old_secret=b"",
        old_secret_until=None,
    )
    send(SET_ASIDE, [endpoint.pk])
    _record("delete_webhook_endpoint", endpoint, before=before, actor=actor)


def lock_endpoint(*, endpoint_id: str, partner_id: int) -> WebhookEndpoint:
    """Step: one of a partner's endpoints; what is taken from the log for it waits meanwhile.

    :raises NotFound: when the partner has no such endpoint.
    """
    require_transaction()
    own = list_endpoints(partner_id=partner_id).select_for_update(no_key=True)
    endpoint = own.filter(endpoint_id=endpoint_id).first()
    if endpoint is None:
        raise NotFound
    return endpoint


def _changed_terms(endpoint: WebhookEndpoint, terms: Terms) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if terms.url is not None and terms.url != endpoint.url:
        changes["url"] = terms.url
    if terms.types is not None and list(terms.types) != endpoint.types:
        changes["types"] = list(terms.types)
    if terms.description is not None and terms.description != endpoint.description:
        changes["description"] = terms.description
    if terms.headers is not None:
        try:
            kept = headers_of(endpoint)
        except SealBroken:  # nobody can read them any more: these take their place
            kept = {}
        refuse_if(list_header_faults(terms.headers, kept))  # another change may have come between
        headers = merge_headers(terms.headers, kept)
        if headers != kept or (endpoint.headers and not kept):
            changes["headers"] = seal_headers(headers)
    return changes


def _changed_status(
    endpoint: WebhookEndpoint, status: str | None, *, is_staff: bool
) -> dict[str, Any]:
    if status == Status.ENABLED and endpoint.status != Status.ENABLED:
        if endpoint.disabled_reason == Reason.BY_OPERATOR and not is_staff:
            raise WebhookEndpointDisabled(
                _("An operator disabled it; only an operator can enable it again"),
                pointer="/status",
                disabled_reason=endpoint.disabled_reason,
            )
        return {**_calm(), "status": Status.ENABLED, "disabled_reason": ""}
    if status == Status.DISABLED:
        reason = _reason(is_staff=is_staff)
        is_taken_over = is_staff and endpoint.disabled_reason != reason
        if endpoint.status != Status.DISABLED or is_taken_over:
            return _disabled(reason)
    return {}


def _reason(*, is_staff: bool) -> str:
    return Reason.BY_OPERATOR if is_staff else Reason.BY_MERCHANT


def _disabled(reason: str) -> dict[str, Any]:
    return {**_calm(), "status": Status.DISABLED, "disabled_reason": reason}


def _calm() -> dict[str, Any]:
    """No failures, and nothing to wait for."""
    return {"failures": 0, "failing_since": None, "warned_at": None, "paused_until": None}


def _write(endpoint: WebhookEndpoint, **changes: Any) -> None:
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(**changes, updated_at=Now())
    endpoint.refresh_from_db()


def _tell_disabled(endpoint: WebhookEndpoint) -> None:
    progress = list_progress([endpoint.pk])[endpoint.pk]
    publish(
        type=ENDPOINT_DISABLED,
        subject=endpoint_subject(endpoint.endpoint_id),
        data=endpoint_notice(endpoint, last_delivered_sequence=progress.last_delivered_sequence),
        partner_ids=[endpoint.partner_id],
    )


def _head_of(partner_id: int) -> int:
    cursor = MessageCursor.objects.filter(pk=partner_id).first()
    return cursor.last_sequence if cursor else 0


def _recorded(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """What the audit trail keeps: of headers the names alone."""
    return {
        "url": endpoint.url,
        "types": list(endpoint.types),
        "description": endpoint.description,
        "headers": sorted(masked_headers(endpoint.headers)),
        "status": endpoint.status,
        "disabled_reason": endpoint.disabled_reason,
        "deleted_at": endpoint.deleted_at,
    }


def _record(
    action: str,
    endpoint: WebhookEndpoint,
    *,
    before: dict[str, Any],
    actor: str,
    headers_set: list[str] | None = None,
) -> None:
    more = {"headers_set": headers_set} if headers_set is not None else {}
    record_change(
        action=action,
        subject=endpoint,
        before=before,
        after={**_recorded(endpoint), **more},
        actor=actor,
        partner_id=endpoint.partner_id,
    )
