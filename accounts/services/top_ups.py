"""Money that comes in."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from accounts.errors import ReferenceConflict
from accounts.models import LedgerEntry, Partner, TopUp
from accounts.services import wallet
from openplatform.core import money
from openplatform.core.errors import FieldInvalid, NotFound
from openplatform.core.identifiers import dated_no
from openplatform.core.locking import require_transaction, transactional


@transactional
def top_up(
    *, partner_code: str, amount: Decimal, reference: str, note: str, actor: str, now: datetime
) -> TopUp:
    """Book a transfer once; the same transfer again is the same top-up and moves nothing.

    :raises NotFound: when there is no such partner.
    :raises FieldInvalid: unless the amount is positive, in whole cents and below a trillion, and
        the balance stays so.
    :raises ReferenceConflict: when the reference was booked with another amount.
    """
    partner = Partner.objects.select_for_update(no_key=True).filter(code=partner_code).first()
    if partner is None:
        raise NotFound(pointer="/partner")
    known = TopUp.objects.filter(partner=partner, reference=reference).first()
    if known is not None:
        if known.amount != amount:
            raise ReferenceConflict(pointer="/reference", top_up_no=known.top_up_no)
        return known
    return add_top_up(
        partner=partner, amount=amount, reference=reference, note=note, actor=actor, now=now
    )


def add_top_up(
    *, partner: Partner, amount: Decimal, reference: str, note: str, actor: str, now: datetime
) -> TopUp:
    """Step: a top-up and its ledger entry.

    :raises FieldInvalid: unless the amount is positive, in whole cents and below a trillion, and
        the balance stays so.
    """
    require_transaction()
    is_in_range = amount.is_finite() and 0 < amount < money.LIMIT
    if not is_in_range or amount != money.round_amount(amount):
        raise FieldInvalid(pointer="/amount")
    document = TopUp.objects.create(
        top_up_no=dated_no("T", now),
        partner=partner,
        amount=amount,
        reference=reference,
        note=note,
        actor=actor,
        created_at=now,
    )
    wallet.credit(
        partner_id=partner.pk,
        kind=LedgerEntry.Kind.TOP_UP,
        amount=amount,
        document=LedgerEntry.Document.TOP_UP,
        document_no=document.top_up_no,
        note=note,
    )
    return document
