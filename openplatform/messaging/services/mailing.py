"""Mails leave with the change that they tell of: a step that queues them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.template import Context, Engine
from django.utils import translation

from openplatform.core.json_text import to_json
from openplatform.core.locking import require_transaction
from openplatform.core.statements import send
from openplatform.messaging.recipients import recipients_of

MAX_NAME = 64
MAX_SUBJECT = 200
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")

# One JSON parameter, as for messages; what is left out has a default in the database.
INSERT = """
    INSERT INTO messaging_mail (
        topic, partner_id, recipient_name, recipient_email, subject, body, status, attempts,
        last_error
    )
    SELECT topic, partner_id, recipient_name, recipient_email, subject, body, 'pending', 0, ''
    FROM json_to_recordset(%s::json) AS mail (
        topic text, partner_id bigint, recipient_name text, recipient_email text, subject text,
        body text
    )
"""


def queue_mail(*, topic: str, partner_id: int | None, facts: Mapping[str, Any]) -> int:
    """Step: a mail to everybody who chose the topic, sent once the transaction has committed.

    The text is the template ``mail/<topic>.txt`` of the app that owns the topic, rendered for each
    recipient in its language; its first line is the subject. Beside the facts it sees
    ``recipient``, ``partner_id`` and ``public_url``. Two statements, so that it may run under the
    lock of a wallet.

    :param partner_id: whom it is about; None for what concerns the platform itself.
    :param facts: plain values. Text in them becomes one line, since it may stand in the subject.
    :returns: how many mails were queued; 0 when nobody is to be told.
    :raises NotInTransaction: outside a transaction.
    :raises TemplateDoesNotExist: for a topic without a text.
    """
    require_transaction()
    template = Engine.get_default().get_template(f"mail/{topic}.txt")
    plain = {name: _plain(value) for name, value in facts.items()}
    rows = []
    for found in recipients_of(topic, partner_id):
        recipient = replace(found, name=in_one_line(found.name)[:MAX_NAME])
        context = {
            **plain,
            "recipient": recipient,
            "partner_id": partner_id,
            "public_url": settings.PUBLIC_URL,
        }
        with translation.override(recipient.language):
            # Plain text; and numbers as they are, an id without separators.
            text = template.render(Context(context, autoescape=False, use_l10n=False))
        subject, _newline, body = text.strip().partition("\n")
        rows.append(
            {
                "topic": topic,
                "partner_id": partner_id,
                "recipient_name": recipient.name,
                "recipient_email": recipient.email,
                "subject": in_one_line(subject)[:MAX_SUBJECT],
                "body": f"{body.strip()}\n",
            }
        )
    if rows:
        send(INSERT, [to_json(rows).decode()])
    return len(rows)


def in_one_line(text: str) -> str:
    """Text without line breaks and control characters.

    What comes from outside could else end the subject and begin a header or a text of its own.
    """
    return CONTROLS.sub(" ", text).strip()


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return in_one_line(value)
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
