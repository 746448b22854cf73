"""Reads of contacts: who is told of what, and who stands for our own side."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet

from accounts.models import Contact
from openplatform.core.statements import send
from openplatform.messaging.recipients import Recipient

CONFIRMED_FOR = timedelta(days=90)  # afterwards somebody should make sure of a contact again
# Of no partner's concern, whoever may have chosen them.
OWN_SIDE_TOPICS = frozenset({Contact.Topic.BOOKS_DIFFER.value})

# One statement, because money may be locked meanwhile. The partner's own people come first: of two
# contacts with one address, the first is written to.
FIND = """
    WITH chosen AS (
        SELECT partner_id, name, email, language FROM accounts_contact
        WHERE %(topic)s = ANY (topics)
            AND (partner_id IS NULL OR partner_id = %(partner_id)s AND NOT %(is_own_side_topic)s)
    ), recipient AS (
        SELECT name, email, language, partner_id IS NULL AS is_own_side FROM chosen
        UNION ALL
        SELECT name, email, %(language)s, FALSE FROM accounts_partner
        WHERE id = %(partner_id)s AND email <> '' AND NOT %(is_own_side_topic)s
            AND NOT EXISTS (SELECT FROM chosen WHERE partner_id IS NOT NULL)
    )
    SELECT name, email, language, is_own_side FROM (
        SELECT DISTINCT ON (lower(email)) * FROM recipient ORDER BY lower(email), is_own_side
    ) one_each
    ORDER BY is_own_side, email
"""


def find_recipients(topic: str, partner_id: int | None) -> Sequence[Recipient]:
    """Who is mailed on a topic: the partner's contacts and our own that chose it.

    A partner none of whose contacts did is written to at its own address, in Chinese.
    """
    parameters = {
        "topic": str(topic),  # it may be a choice of the model
        "partner_id": partner_id,
        "is_own_side_topic": topic in OWN_SIDE_TOPICS,
        "language": Contact.Language.CHINESE.value,
    }
    return [Recipient(*row) for row in send(FIND, parameters).rows()]


def list_owners(*, topic: str) -> QuerySet[Contact]:
    """Our own side's contacts that are told of a topic: an alert without any has no owner."""
    return Contact.objects.filter(partner=None, topics__contains=[topic]).order_by("name")


def list_stale_contacts(*, now: datetime) -> QuerySet[Contact]:
    """Contacts that nobody has made sure of for 90 days, the longest forgotten first."""
    return Contact.objects.filter(confirmed_at__lt=now - CONFIRMED_FOR).order_by("confirmed_at")
