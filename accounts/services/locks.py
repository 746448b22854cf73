"""The partner's lock, which changes of its terms and new documents of money take first."""

from __future__ import annotations

from accounts.models import Partner
from openplatform.core.errors import NotFound
from openplatform.core.locking import require_transaction


def lock_partner(*, code: str | None = None, pk: int | None = None) -> Partner:
    """Step: the partner, with its wallet as it is now; what holds this lock comes one by one.

    Orders do not wait for it.

    :raises NotFound: when there is no such partner.
    """
    require_transaction()
    chosen = {"pk": pk} if code is None else {"code": code}
    partner = Partner.objects.select_for_update(no_key=True).filter(**chosen).first()
    if partner is None:
        raise NotFound(pointer="/partner")
    return partner
