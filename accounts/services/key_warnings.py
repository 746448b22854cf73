"""Partners are told that a key is about to end: 30, 7 and 1 days before."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from accounts.models import Contact
from openplatform.core.clock import PLATFORM_ZONE, to_text
from openplatform.core.locking import transactional
from openplatform.core.statements import send
from openplatform.messaging.services.mailing import queue_mail
from openplatform.messaging.services.publishing import publish

WARNED_AT_ONCE = 100
# The nearest step of a key: steps that it was past already when it was made are left out.
STEP = """CASE
    WHEN expires_at <= clock_timestamp() + interval '1 day' THEN 1
    WHEN expires_at <= clock_timestamp() + interval '7 days' THEN 7
    ELSE 30
END"""
IS_DUE = f"""
    revoked_at IS NULL AND expires_at > clock_timestamp()
    AND expires_at <= clock_timestamp() + interval '30 days'
    AND (warned_days IS NULL OR warned_days > {STEP})
"""
LIST_DUE = f"SELECT id FROM accounts_apikey WHERE {IS_DUE} ORDER BY expires_at LIMIT %s"  # noqa: S608 - constants
# Compare-and-set: of two that come at once, the second finds the step taken.
TAKE_STEP = f"""
    UPDATE accounts_apikey key SET warned_days = {STEP} WHERE id = %s AND {IS_DUE}
    RETURNING partner_id, prefix, note, scopes, expires_at,
        ceil(extract(epoch FROM expires_at - clock_timestamp()) / 86400)::int,
        (SELECT new.prefix FROM accounts_apikey new WHERE new.id = key.replaced_by_id),
        (SELECT partner.code FROM accounts_partner partner WHERE partner.id = key.partner_id),
        (SELECT partner.name FROM accounts_partner partner WHERE partner.id = key.partner_id)
"""  # noqa: S608 - constants


class _Warned(NamedTuple):
    partner_id: int
    prefix: str
    note: str
    scopes: list[str]
    expires_at: datetime
    days_left: int
    replaced_by: str | None
    partner_code: str
    partner_name: str


def warn_of_expiring_keys() -> int:
    """Tell of keys that reached a step, each once per step; answers how many.

    A loop of the worker, and any number of workers may run it.
    """
    due = send(LIST_DUE, [WARNED_AT_ONCE]).rows()
    return sum(_warn(key_id) for (key_id,) in due)


@transactional
def _warn(key_id: int) -> bool:
    """The step and its message and mail, together; whether there was one to take."""
    row = send(TAKE_STEP, [key_id]).row()
    if row is None:
        return False
    warned = _Warned(*row)
    key = {
        "prefix": warned.prefix,
        "note": warned.note,
        "scopes": warned.scopes,
        "expires_at": to_text(warned.expires_at),
    }
    publish(
        type="key.expiring",
        subject=f"key:{warned.prefix}",
        data={"key": key, "days_left": warned.days_left},
        partner_ids=[warned.partner_id],
    )
    queue_mail(
        topic=Contact.Topic.KEY_EXPIRING,
        partner_id=warned.partner_id,
        facts={
            "partner": {"code": warned.partner_code, "name": warned.partner_name},
            "key": key,
            "ends": f"{warned.expires_at.astimezone(PLATFORM_ZONE):%Y-%m-%d %H:%M}",
            "days_left": warned.days_left,
            "replaced_by": warned.replaced_by,
        },
    )
    return True
