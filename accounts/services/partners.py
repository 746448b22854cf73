"""Partners come in."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner
from accounts.services.top_ups import add_top_up
from accounts.services.wallet import open_wallet
from openplatform.core import money
from openplatform.core.errors import FieldInvalid
from openplatform.core.locking import require_transaction, transactional


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
    """Step: a partner with its wallet; an opening balance is booked as a top-up."""
    require_transaction()
    partner = Partner.objects.create(code=code, name=name, email=email)
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
            reference="opening-balance",
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
    actor: str,
    now: datetime,
) -> Partner:
    """A new partner that has a wallet and neither pools nor keys yet.

    :raises FieldInvalid: when the code is taken.
    """
    try:
        return add_partner(
            code=code,
            name=name,
            email=email,
            credit_limit=credit_limit,
            alert_threshold=alert_threshold,
            opening_balance=opening_balance,
            actor=actor,
            now=now,
        )
    except IntegrityError as error:
        raise FieldInvalid(_("There is a partner with this code"), pointer="/code") from error
