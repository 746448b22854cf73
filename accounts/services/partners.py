"""Partners come in."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner
from accounts.services import terms
from accounts.services.top_ups import add_top_up, ask_for_top_up
from accounts.services.wallet import open_wallet
from openplatform.audit.services.recording import record_change
from openplatform.core import money
from openplatform.core.errors import FieldInvalid
from openplatform.core.locking import require_transaction, transactional

OPENING_BALANCE = "opening-balance"  # the reference of its top-up
OPENED = "opened"  # the reason of terms that a partner begins with


def add_partner(
    *,
    code: str,
    name: str,
    email: str = "",
    credit_limit: Decimal = money.ZERO,
    alert_threshold: Decimal = money.ZERO,
    opening_balance: Decimal = money.ZERO,
    actor: str,
    now: datetime,
) -> Partner:
    """Step: a partner with its wallet; an opening balance is booked at once, as a top-up."""
    require_transaction()
    partner = Partner.objects.create(code=code, name=name, email=email)
    record_change(
        action="register_partner",
        subject=partner,
        before={},
        after={
            "code": code,
            "name": name,
            "email": email,
            "credit_limit": credit_limit,
            "alert_threshold": alert_threshold,
        },
        actor=actor,
        partner_id=partner.pk,
    )
    open_wallet(
        partner=partner,
        credit_limit=credit_limit,
        alert_threshold=alert_threshold,
        actor=actor,
        now=now,
    )
    if opening_balance:
        add_top_up(
            partner=partner,
            amount=opening_balance,
            reference=OPENING_BALANCE,
            note="",
            actor=actor,
            now=now,
        )
    return partner


@transactional
def register_partner(
    *,
    code: str,
    name: str,
    email: str = "",
    credit_limit: Decimal = money.ZERO,
    alert_threshold: Decimal = money.ZERO,
    opening_balance: Decimal = money.ZERO,
    user: User,
    now: datetime,
) -> Partner:
    """A new partner that has a wallet and neither pools nor keys yet, added by a member of staff.

    Its money takes a second person: an opening balance waits as a top-up, a credit line whatever
    its amount (else one person could open many partners with a little each), a large alert
    threshold as a change of it.

    :raises FieldInvalid: when the code is taken.
    """
    actor = user.get_username()
    try:
        partner = add_partner(code=code, name=name, email=email, actor=actor, now=now)
    except IntegrityError as error:
        raise FieldInvalid(_("There is a partner with this code"), pointer="/code") from error
    if opening_balance:
        ask_for_top_up(
            partner=partner,
            amount=opening_balance,
            reference=OPENING_BALANCE,
            paid_at=None,
            note="",
            user=user,
            now=now,
        )
    if credit_limit:
        terms.ask_for(terms.CREDIT_LIMIT, partner, credit_limit, reason=OPENED, user=user)
    if alert_threshold:
        terms.ask_or_set(terms.ALERT_THRESHOLD, partner, alert_threshold, reason=OPENED, user=user)
    return partner
