"""Partners with the pools that they see: made here, because accounts knows no pools."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner
from accounts.services.keys import add_key
from accounts.services.partners import add_partner
from accounts.services.terms import ALERT_THRESHOLD, set_term
from catalog.models import Pool
from catalog.services.membership import assign_pools
from openplatform.core import money
from openplatform.core.errors import DomainError, FieldInvalid, FieldRequired, refuse_if
from openplatform.core.locking import require_transaction, transactional
from openplatform.core.scopes import Scope
from openplatform.imports.errors import CellInvalid
from openplatform.imports.parsers import parse_code, text_of

MAX_NAME = 120


@transactional
def create_partner(
    *,
    code: str,
    name: str,
    email: str = "",
    pools: Sequence[str] = (),
    credit_limit: Decimal = money.ZERO,
    alert_threshold: Decimal = money.ZERO,
    opening_balance: Decimal = money.ZERO,
    scopes: Collection[str] = (),
    actor: str,
    now: datetime,
) -> tuple[Partner, str]:
    """A new partner that sees these pools, and the text of its key, to be shown once.

    Without scopes the key has all of them.

    :raises Refusal: with every fault: a code or name that is malformed or taken, unknown pools,
        negative amounts.
    :raises FieldInvalid: for a scope that does not exist.
    """
    known = {pool.code: pool for pool in Pool.objects.filter(code__in=pools)}
    faults = _faults_of(code, name, email)
    if Partner.objects.filter(code=code).exists():
        faults.append(FieldInvalid(_("There is a partner with this code"), pointer="/code"))
    faults += [
        FieldInvalid(_("There is no pool %(code)s") % {"code": pool}, pointer=f"/pools/{index}")
        for index, pool in enumerate(pools)
        if pool not in known
    ]
    amounts = {
        "credit_limit": credit_limit,
        "alert_threshold": alert_threshold,
        "opening_balance": opening_balance,
    }
    faults += [
        FieldInvalid(_("An amount is not negative"), pointer=f"/{field}")
        for field, amount in amounts.items()
        if amount < 0
    ]
    refuse_if(faults)
    partner = add_partner(code=code, name=name, email=email, **amounts, actor=actor, now=now)
    assign_pools(partner=partner, pools=known.values(), now=now)
    _key, text = add_key(partner=partner, scopes=scopes or Scope.values, actor=actor)
    return partner, text


def _faults_of(code: str, name: str, email: str) -> list[DomainError]:
    faults: list[DomainError] = []
    for value, parse, pointer in (
        (code, parse_code, "/code"),
        (name, text_of(MAX_NAME), "/name"),
    ):
        if not value.strip():
            faults.append(FieldRequired(pointer=pointer))
            continue
        try:
            parse(value)
        except CellInvalid as fault:
            faults.append(fault.error(fault.text, pointer=pointer))
    try:
        if email:
            validate_email(email)
    except ValidationError:
        faults.append(FieldInvalid(pointer="/email"))
    return faults


def update_partner(*, partner: Partner, name: str, email: str | None = None) -> bool:
    """Step: change what is not money; None leaves a field. Answers whether anything differed."""
    require_transaction()
    changes = {"name": name} | ({} if email is None else {"email": email})
    changed = [field for field, value in changes.items() if getattr(partner, field) != value]
    if changed:
        for field in changed:
            setattr(partner, field, changes[field])
        partner.save(update_fields=changed)
    return bool(changed)


def set_alert_thresholds(*, thresholds: Mapping[int, Decimal], actor: str) -> None:
    """Step: when partners (by id) are warned. No money moves, but wallets are locked: in order of
    partner, and last.
    """
    require_transaction()
    for partner in Partner.objects.filter(pk__in=thresholds).order_by("pk"):
        set_term(ALERT_THRESHOLD, partner, thresholds[partner.pk], reason="import", actor=actor)
