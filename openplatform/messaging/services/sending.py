"""The worker sends what is queued."""

from __future__ import annotations

import contextlib
import functools
import smtplib
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import format_datetime, formataddr, parseaddr
from typing import NamedTuple

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.validators import validate_email
from django.utils.encoding import punycode

from openplatform.audit.services.recording import record_change
from openplatform.core import clock
from openplatform.core.errors import NotFound
from openplatform.core.locking import transactional
from openplatform.core.statements import send
from openplatform.messaging.errors import MailNotFailed
from openplatform.messaging.models import Mail
from openplatform.messaging.services.mailing import in_one_line

log = structlog.get_logger(__name__)

BATCH = 20  # mails over one connection
BATCH_WITHIN = 5.0  # seconds, so that a worker that is told to stop is not kept
LEASE = timedelta(minutes=5)  # more than all time-outs of one sending together
# How long to wait after the first, second, … attempt; the mail has failed after one more.
WAITS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=12),
)
MAX_ATTEMPTS = len(WAITS) + 1
MAX_ERROR = 200
SERVICE_CLOSING = 421  # RFC 5321: the server closes the connection with it
PERMANENT = 500  # RFC 5321: refusals from here on stay refusals

CLAIM = """
    WITH due AS (
        SELECT id FROM messaging_mail
        WHERE status = 'pending' AND next_attempt_at <= clock_timestamp()
        ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    UPDATE messaging_mail AS mail
    SET attempts = attempts + 1, next_attempt_at = clock_timestamp() + %s
    FROM due WHERE mail.id = due.id
    RETURNING mail.id, topic, attempts, recipient_name, recipient_email, subject, body, created_at
"""
# What was sent is sent, whoever holds the lease by now; the rest is for its holder to say.
MARK_SENT = """
    UPDATE messaging_mail
    SET status = 'sent', sent_at = %s, next_attempt_at = NULL, last_error = ''
    WHERE id = %s
"""
MARK_TO_RETRY = """
    UPDATE messaging_mail SET next_attempt_at = clock_timestamp() + %s, last_error = %s
    WHERE id = %s AND attempts = %s AND status = 'pending'
"""
MARK_FAILED = """
    UPDATE messaging_mail SET status = 'failed', next_attempt_at = NULL, last_error = %s
    WHERE id = %s AND attempts = %s AND status = 'pending'
"""
REVIVE = """
    UPDATE messaging_mail
    SET status = 'pending', attempts = 0, next_attempt_at = clock_timestamp()
    WHERE id = %s
"""


class _Claimed(NamedTuple):
    """A mail under our lease; ``attempts`` counts the one that begins."""

    id: int
    topic: str
    attempts: int
    recipient_name: str
    recipient_email: str
    subject: str
    body: str
    created_at: datetime


def send_due_mails() -> int:
    """Loop: try what is due, up to 20 mails over one connection; how many the server dealt with.

    A mail is claimed by a lease, and its attempt counted, before it is tried. So any number of
    workers send it once per attempt, and what a killed one held is tried again when the lease
    ends. If it was killed between the server's word and our mark, that sends the mail twice, both
    times under one ``Message-ID``, by which mail programs know a repeat.

    A refusal for good fails the mail, one for the moment puts it off; neither stops the others.
    When the server itself cannot be reached, one mail a round is tried.
    """
    _tell_where_mails_go()
    connection: BaseEmailBackend | None = None
    handled = 0
    try:
        for mail in _claim_due():
            connection = connection or get_connection()
            if not _deliver(mail, connection):
                break
            handled += 1
    finally:
        if connection is not None:
            with contextlib.suppress(OSError):  # all that was sent has been answered
                connection.close()
    return handled


@transactional
def send_again(*, mail_id: int, actor: str) -> Mail:
    """Try a failed mail again, from the first attempt on.

    :raises NotFound: when there is no such mail.
    :raises MailNotFailed: when it was sent, or is being tried.
    """
    mail = Mail.objects.select_for_update(no_key=True).filter(pk=mail_id).first()
    if mail is None:
        raise NotFound
    if mail.status != Mail.Status.FAILED:
        raise MailNotFailed
    before = {"status": mail.status, "attempts": mail.attempts}
    send(REVIVE, [mail_id])
    mail.refresh_from_db()
    record_change(
        action="send_mail_again",
        subject=mail,
        before=before,
        after={"status": mail.status, "attempts": mail.attempts},
        actor=actor,
        partner_id=mail.partner_id,
    )
    return mail


@functools.cache
def _tell_where_mails_go() -> None:
    if not settings.SMTP_HOST:
        log.warning("mails_go_to_files", folder=str(settings.EMAIL_FILE_PATH))


def _claim_due() -> Iterator[_Claimed]:
    ends = time.monotonic() + BATCH_WITHIN
    for _turn in range(BATCH):
        row = send(CLAIM, [LEASE]).row()
        if row is None:
            return
        yield _Claimed(*row)
        if time.monotonic() > ends:
            return


def _deliver(mail: _Claimed, connection: BaseEmailBackend) -> bool:
    """Try one mail and write what became of it; whether the connection is fit for another."""
    if mail.attempts > MAX_ATTEMPTS:
        _fail(mail, "The worker ended during the last attempt")
        return True
    try:
        validate_email(mail.recipient_email)
        message = _message_of(mail, connection)
        message.message()  # refuses here what cannot stand in a header
    except (ValidationError, ValueError) as error:
        _fail(mail, f"Not fit to be sent: {type(error).__name__}")
        return True
    try:
        connection.open()
        connection.send_messages([message])
    except smtplib.SMTPRecipientsRefused as error:
        return _refused(mail, *next(iter(error.recipients.values())))
    except smtplib.SMTPDataError as error:
        return _refused(mail, error.smtp_code, error.smtp_error)
    except OSError as error:  # the network's and smtplib's own
        _put_off(mail, _text_of(error))
        return False
    send(MARK_SENT, [clock.now(), mail.id])
    log.info("mail_sent", mail_id=mail.id, topic=mail.topic, attempts=mail.attempts)
    return True


def _message_of(mail: _Claimed, connection: BaseEmailBackend) -> EmailMessage:
    local_part, _at, domain = mail.recipient_email.rpartition("@")
    address = f"{local_part}@{punycode(domain)}"
    own_domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    made_at = int(mail.created_at.timestamp() * 1_000_000)
    return EmailMessage(
        subject=mail.subject,
        body=mail.body,
        to=[formataddr((mail.recipient_name, address))],
        connection=connection,
        headers={
            "Message-ID": f"<mail.{mail.id}.{made_at}@{own_domain}>",
            "Date": format_datetime(mail.created_at.astimezone(clock.PLATFORM_ZONE)),
            "Auto-Submitted": "auto-generated",  # RFC 3834: no out-of-office answers, please
        },
    )


def _refused(mail: _Claimed, code: int, answer: bytes | str) -> bool:
    text = _answer_of(code, answer)
    if code >= PERMANENT:
        _fail(mail, text)
    else:
        _put_off(mail, text)
    return code != SERVICE_CLOSING


def _put_off(mail: _Claimed, error: str) -> None:
    if mail.attempts == MAX_ATTEMPTS:
        _fail(mail, error)
        return
    send(MARK_TO_RETRY, [WAITS[mail.attempts - 1], error[:MAX_ERROR], mail.id, mail.attempts])
    # Not the error: a server's answer may quote the address.
    log.warning("mail_put_off", mail_id=mail.id, topic=mail.topic, attempts=mail.attempts)


def _fail(mail: _Claimed, error: str) -> None:
    send(MARK_FAILED, [error[:MAX_ERROR], mail.id, mail.attempts])
    log.error("mail_failed", mail_id=mail.id, topic=mail.topic, attempts=mail.attempts)


def _text_of(error: OSError) -> str:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"{error.smtp_code}: the mail server refused our login"  # its answer may quote it
    if isinstance(error, smtplib.SMTPResponseException):
        return _answer_of(error.smtp_code, error.smtp_error)
    return in_one_line(f"{type(error).__name__}: {error.strerror or error}")


def _answer_of(code: int, answer: bytes | str) -> str:
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
    return in_one_line(f"{code} {text}")
