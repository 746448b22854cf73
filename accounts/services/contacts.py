"""Contacts are made sure of from time to time."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from accounts.models import Contact
from openplatform.audit.services.recording import record_change
from openplatform.core.locking import transactional


@transactional
def confirm_contacts(*, contact_ids: Collection[int], actor: str, now: datetime) -> int:
    """Note that these people are still the right ones; how many there were.

    Ids that are gone by now are passed over.
    """
    contacts = Contact.objects.select_for_update(no_key=True).filter(pk__in=contact_ids)
    confirmed = 0
    for contact in contacts.order_by("pk"):
        before = {"confirmed_at": contact.confirmed_at}
        contact.confirmed_at = now
        contact.save(update_fields=["confirmed_at"])
        record_change(
            action="confirm_contact",
            subject=contact,
            before=before,
            after={"confirmed_at": now},
            actor=actor,
            partner_id=contact.partner_id,
        )
        confirmed += 1
    return confirmed
