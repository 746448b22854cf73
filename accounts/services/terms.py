"""On what terms a partner buys: credit line, alert threshold, limits, status.

Credit line and alert threshold are the platform's risk: one person alone may change them by up to
``settings.SECOND_PERSON_ABOVE``, counted from what two people last agreed on, so that many small
steps lead no further than one. Anything beyond waits for a second person.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.messages import publish_account
from accounts.models import CreditLimitChange, Partner, Wallet
from accounts.services.locks import lock_partner
from accounts.services.money_documents import exact_amount, require_reason
from accounts.services.warnings import announce_low_balance
from openplatform.approvals.errors import AlreadyWaiting
from openplatform.approvals.models import Approval
from openplatform.approvals.services.requesting import is_waiting, request_approval
from openplatform.audit.services.recording import record_change
from openplatform.core import money
from openplatform.core.errors import FieldInvalid
from openplatform.core.locking import require_transaction, transactional

CREDIT_LIMIT = "credit_limit"
ALERT_THRESHOLD = "alert_threshold"
MAX_NUMBER = 1_000_000_000


@transactional
def change_credit_limit(
    *, partner_code: str, credit_limit: Decimal, reason: str, user: User, now: datetime
) -> Approval | None:
    """A credit line that is in force (None), or what waits for a second person.

    :raises NotFound: when there is no such partner.
    :raises FieldRequired: without a reason.
    :raises FieldInvalid: for a negative amount, parts of a cent, a trillion, or no change.
    :raises AlreadyWaiting: while another change of this credit line waits.
    """
    return _change(CREDIT_LIMIT, partner_code, credit_limit, reason=reason, user=user)


@transactional
def change_alert_threshold(
    *, partner_code: str, alert_threshold: Decimal, reason: str, user: User, now: datetime
) -> Approval | None:
    """A threshold that is in force (None), or what waits for a second person.

    :raises NotFound, FieldRequired, FieldInvalid, AlreadyWaiting: as for the credit line.
    """
    return _change(ALERT_THRESHOLD, partner_code, alert_threshold, reason=reason, user=user)


@transactional
def change_limits(
    *,
    partner_code: str,
    daily_spending_cap: Decimal | None,
    max_open_orders: int,
    requests_per_minute: int | None,
    reason: str,
    user: User,
    now: datetime,
) -> None:
    """How much a partner may order in a day, leave unconfirmed, and ask in a minute.

    :param daily_spending_cap: None for no cap.
    :param requests_per_minute: None for the platform's limit.
    :raises NotFound: when there is no such partner.
    :raises FieldRequired: without a reason.
    :raises FieldInvalid: for a negative cap, or a number below one.
    """
    require_reason(reason)
    if daily_spending_cap is not None:
        daily_spending_cap = exact_amount(
            daily_spending_cap, pointer="/daily_spending_cap", minimum=money.ZERO
        )
    for name, number in (
        ("max_open_orders", max_open_orders),
        ("requests_per_minute", requests_per_minute),
    ):
        if number is not None and not 1 <= number <= MAX_NUMBER:
            raise FieldInvalid(pointer=f"/{name}", minimum=1, maximum=MAX_NUMBER)
    partner = lock_partner(code=partner_code)
    wallet = Wallet.objects.select_for_update(no_key=True).get(pk=partner.pk)
    before = {
        "daily_spending_cap": wallet.daily_spending_cap,
        "max_open_orders": wallet.max_open_orders,
        "requests_per_minute": partner.requests_per_minute,
    }
    after = {
        "daily_spending_cap": daily_spending_cap,
        "max_open_orders": max_open_orders,
        "requests_per_minute": requests_per_minute,
    }
    partner.requests_per_minute = requests_per_minute
    partner.save(update_fields=["requests_per_minute"])
    wallet.daily_spending_cap = daily_spending_cap
    wallet.max_open_orders = max_open_orders
    wallet.save(update_fields=["daily_spending_cap", "max_open_orders"])
    _record(
        "change_limits",
        partner,
        before=before,
        after=after,
        actor=user.get_username(),
        reason=reason,
    )


@transactional
def change_status(
    *, partner_code: str, status: Partner.Status, reason: str, user: User, now: datetime
) -> None:
    """Suspend a partner, or let it place orders again; it is told. The same again is no change.

    :raises NotFound: when there is no such partner.
    :raises FieldRequired: without a reason.
    """
    require_reason(reason)
    partner = lock_partner(code=partner_code)
    if partner.status == status:
        return
    before = {"status": partner.status}
    partner.status = status
    partner.save(update_fields=["status"])
    _record(
        "change_status",
        partner,
        before=before,
        after={"status": status.value},
        actor=user.get_username(),
        reason=reason,
    )
    publish_account(type="account.changed", partner_id=partner.pk)


def ask_or_set(
    name: str, partner: Partner, amount: Decimal, *, reason: str, user: User
) -> Approval | None:
    """Step: set one of the two terms, or ask a second person when the change is a large one.

    :raises AlreadyWaiting: while another change of it waits.
    """
    require_transaction()
    if is_waiting(kind=name, subject_no=partner.code):
        raise AlreadyWaiting
    wallet = Wallet.objects.get(pk=partner.pk)
    current: Decimal = getattr(wallet, name)
    change = max(abs(amount - current), abs(amount - _agreed(name, partner)))
    if change <= settings.SECOND_PERSON_ABOVE:
        set_term(name, partner, amount, reason=reason, actor=user.get_username())
        return None
    return ask_for(name, partner, amount, reason=reason, user=user)


def ask_for(name: str, partner: Partner, amount: Decimal, *, reason: str, user: User) -> Approval:
    """Step: have a second person decide on one of the two terms.

    :raises AlreadyWaiting: while another change of it waits.
    """
    current: Decimal = getattr(Wallet.objects.get(pk=partner.pk), name)
    approval = request_approval(
        kind=name,
        subject_no=partner.code,
        partner_id=partner.pk,
        data={"before": money.to_text(current), "after": money.to_text(amount)},
        reason=reason,
        requested_by=user,
        requester=user.get_username(),
    )
    record_change(
        action=f"ask_for_{name}",
        subject=approval,
        before={},
        after={name: amount},
        actor=user.get_username(),
        partner_id=partner.pk,
        reason=reason,
    )
    return approval


def set_term(name: str, partner: Partner, amount: Decimal, *, reason: str, actor: str) -> None:
    """Step: set one of the two terms, under the lock of the wallet; the partner is told, and warned
    when that puts what is available under its threshold.
    """
    require_transaction()
    wallet = Wallet.objects.select_for_update(no_key=True).get(pk=partner.pk)
    before: Decimal = getattr(wallet, name)
    if before == amount:
        return
    level = wallet.alert_level
    setattr(wallet, name, amount)
    wallet.save(update_fields=[name])
    if name == CREDIT_LIMIT:
        CreditLimitChange.objects.create(
            partner=partner,
            limit_before=before,
            limit_after=amount,
            reason=reason,
            actor=actor,
            created_at=Now(),  # under the wallet's lock, as the ledger's: days are cut by it
        )
    _record(
        f"change_{name}",
        partner,
        before={name: before},
        after={name: amount},
        actor=actor,
        reason=reason,
    )
    publish_account(type="account.changed", partner_id=partner.pk)
    if wallet.alert_level > level:
        announce_low_balance(partner_id=partner.pk)


def apply_term(approval: Approval, *, values: Mapping[str, Any], actor: str, now: datetime) -> None:
    """Step: what a second person approved, whatever the term is by now."""
    partner = lock_partner(pk=approval.partner_id)
    set_term(
        approval.kind,
        partner,
        Decimal(approval.data["after"]),
        reason=approval.reason,
        actor=actor,
    )


def _change(
    name: str, partner_code: str, amount: Decimal, *, reason: str, user: User
) -> Approval | None:
    require_reason(reason)
    amount = exact_amount(amount, pointer=f"/{name}", minimum=money.ZERO)
    partner = lock_partner(code=partner_code)
    if getattr(Wallet.objects.get(pk=partner.pk), name) == amount:
        raise FieldInvalid(_("That is how it is already"), pointer=f"/{name}")
    return ask_or_set(name, partner, amount, reason=reason, user=user)


def _agreed(name: str, partner: Partner) -> Decimal:
    """What two people last agreed on; nothing, before they ever did."""
    last = (
        Approval.objects.filter(kind=name, subject_no=partner.code, status=Approval.Status.APPROVED)
        .order_by("-id")
        .first()
    )
    return money.ZERO if last is None else Decimal(last.data["after"])


def _record(
    action: str,
    partner: Partner,
    *,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    actor: str,
    reason: str,
) -> None:
    record_change(
        action=action,
        subject=partner,
        before=before,
        after=after,
        actor=actor,
        partner_id=partner.pk,
        reason=reason,
    )
