from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.core.errors import NotFound
from openplatform.messaging.errors import MailNotFailed
from openplatform.messaging.models import Mail
from openplatform.messaging.services import sending
from openplatform.messaging.services.sending import WAITS, send_again, send_due_mails
from tests.messaging.mail_server import Mailbox, free_port, serving, use_server
from tests.racing import race

ROOT = Path(__file__).parents[2]


@pytest.fixture
def mailbox(settings) -> Iterator[Mailbox]:
    """A server that takes everything, and the platform set to it."""
    mailbox, port = Mailbox(), free_port()
    use_server(settings, port)
    with serving(mailbox, port):
        yield mailbox


def queue(email: str = "zhang@acme.example", **fields: Any) -> Mail:
    return Mail.objects.create(
        **{
            "topic": "sample",
            "recipient_name": "张三",
            "recipient_email": email,
            "subject": "余额不足：贸易公司",
            "body": "您好，\n\n请充值。\n",
            **fields,
        }
    )


def make_due(**fields: Any) -> None:
    Mail.objects.update(next_attempt_at=clock.now() - timedelta(seconds=1), **fields)


def state(mail: Mail) -> tuple[str, int, str]:
    mail.refresh_from_db()
    return mail.status, mail.attempts, mail.last_error


def wait_of(mail: Mail) -> timedelta:
    mail.refresh_from_db()
    assert mail.next_attempt_at is not None
    return mail.next_attempt_at - clock.now()


def test_mail_arrives_in_chinese_when_it_is_due(db: None, mailbox: Mailbox) -> None:
    mail = queue()

    assert send_due_mails() == 1

    assert state(mail) == ("sent", 1, "")
    assert mail.sent_at is not None
    assert mail.next_attempt_at is None
    message = mailbox.messages[0]
    assert mailbox.recipients == [["zhang@acme.example"]]
    assert message["To"] == "张三 <zhang@acme.example>"
    assert message["From"] == "开放平台 <platform@shop.example>"
    assert message["Subject"] == "余额不足：贸易公司"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "text/plain"
    assert message.get_content_charset() == "utf-8"
    assert message.get_content().replace("\r\n", "\n") == "您好，\n\n请充值。\n"
    assert send_due_mails() == 0
    assert len(mailbox.messages) == 1


def test_one_connection_serves_when_several_are_due(db: None, mailbox: Mailbox) -> None:
    for number in range(3):
        queue(f"a{number}@acme.example")

    assert send_due_mails() == 3

    assert list(mailbox.sessions.values()) == [3]


def test_batch_ends_when_it_is_full(
    db: None, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "BATCH", 2)
    for number in range(3):
        queue(f"a{number}@acme.example")

    assert [send_due_mails(), send_due_mails(), send_due_mails()] == [2, 1, 0]

    assert len(mailbox.messages) == 3


def test_mail_waits_when_it_is_not_due_yet(db: None, mailbox: Mailbox) -> None:
    mail = queue(next_attempt_at=clock.now() + timedelta(seconds=30))

    assert send_due_mails() == 0

    assert state(mail) == ("pending", 0, "")
    assert mailbox.messages == []


@pytest.mark.parametrize("stage", ["rcpt", "data"])
def test_mail_is_put_off_when_the_server_refuses_for_the_moment(
    stage: str, db: None, mailbox: Mailbox
) -> None:
    getattr(mailbox, stage)["zhang@acme.example"] = "451 4.7.1 Come back later"
    mail = queue()

    assert send_due_mails() == 1

    assert state(mail) == ("pending", 1, "451 4.7.1 Come back later")
    assert timedelta(seconds=55) < wait_of(mail) <= timedelta(minutes=1)
    getattr(mailbox, stage).clear()
    make_due()
    assert send_due_mails() == 1
    assert state(mail) == ("sent", 2, "")
    assert len(mailbox.messages) == 1


def test_mail_has_failed_when_every_attempt_was_put_off(db: None, mailbox: Mailbox) -> None:
    mailbox.rcpt["zhang@acme.example"] = "450 4.2.0 Mailbox busy"
    mail = queue()

    waits = []
    for _attempt in WAITS:
        send_due_mails()
        waits.append(round(wait_of(mail) / timedelta(minutes=1)))
        make_due()
    send_due_mails()

    assert waits == [1, 5, 30, 120, 720]
    assert state(mail) == ("failed", 6, "450 4.2.0 Mailbox busy")
    assert mail.next_attempt_at is None
    assert send_due_mails() == 0


@pytest.mark.parametrize("stage", ["rcpt", "data"])
def test_mail_has_failed_and_others_went_when_an_address_is_refused_for_good(
    stage: str, db: None, mailbox: Mailbox
) -> None:
    getattr(mailbox, stage)["gone@acme.example"] = "550 5.1.1 No such user"
    before, gone, after = queue("a@acme.example"), queue("gone@acme.example"), queue()

    assert send_due_mails() == 3

    assert state(gone) == ("failed", 1, "550 5.1.1 No such user")
    assert state(before)[0] == state(after)[0] == "sent"
    assert [message["To"].addresses[0].addr_spec for message in mailbox.messages] == [
        "a@acme.example", "zhang@acme.example",
    ]  # fmt: skip


def test_rest_goes_over_a_new_connection_when_the_server_closes_the_first(
    db: None, mailbox: Mailbox
) -> None:
    mailbox.data["a@acme.example"] = "421 4.3.2 Too many from you"
    first, second = queue("a@acme.example"), queue()

    assert send_due_mails() == 0
    assert send_due_mails() == 1

    assert state(first) == ("pending", 1, "421 4.3.2 Too many from you")
    assert state(second) == ("sent", 1, "")


def test_mail_waits_and_only_one_is_tried_when_the_server_is_down(db: None, settings) -> None:
    port = free_port()
    use_server(settings, port)
    first, second = queue("a@acme.example"), queue()

    assert send_due_mails() == 0

    assert state(first) == ("pending", 1, "ConnectionRefusedError: Connection refused")
    assert state(second) == ("pending", 0, "")
    mailbox = Mailbox()
    make_due()
    with serving(mailbox, port):
        assert send_due_mails() == 2
    assert state(first)[:2] == ("sent", 2)
    assert state(second)[:2] == ("sent", 1)


def test_login_is_kept_out_of_the_error_when_the_server_refuses_it(
    db: None, mailbox: Mailbox, settings
) -> None:
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "platform", "s3cret"
    mail = queue()

    assert send_due_mails() == 0  # this server knows no AUTH without TLS

    status, attempts, error = state(mail)
    assert (status, attempts) == ("pending", 1)
    assert error.startswith("SMTPNotSupportedError: ")
    assert "s3cret" not in error
    assert "platform" not in error


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "Low\r\nBcc: spy@evil.example"},
        {"recipient_name": "Zhang\r\nBcc: spy@evil.example"},
        {"recipient_email": "zhang@acme.example\nBcc: spy@evil.example"},
        {"recipient_email": "nobody"},
    ],
)
def test_mail_has_failed_and_nothing_went_when_a_header_would_break(
    fields: dict[str, str], db: None, mailbox: Mailbox
) -> None:
    mail = queue(**fields)
    other = queue("b@acme.example")

    assert send_due_mails() == 2

    status, attempts, error = state(mail)
    assert (status, attempts) == ("failed", 1)
    assert error.startswith("Not fit to be sent: ")
    assert state(other)[:2] == ("sent", 1)
    assert mailbox.recipients == [["b@acme.example"]]
    assert b"spy@evil.example" not in b"".join(mailbox.raw)


def test_address_arrives_as_punycode_when_its_domain_is_chinese(db: None, mailbox: Mailbox) -> None:
    queue("zhang@例子.example")

    assert send_due_mails() == 1

    assert mailbox.recipients == [["zhang@xn--fsqu00a.example"]]


def test_mail_is_given_up_when_every_attempt_ended_with_its_worker(
    db: None, mailbox: Mailbox
) -> None:
    mail = queue(attempts=sending.MAX_ATTEMPTS)

    assert send_due_mails() == 1

    assert state(mail) == ("failed", 7, "The worker ended during the last attempt")
    assert mailbox.messages == []


@pytest.mark.django_db(transaction=True)
def test_each_goes_once_when_many_workers_send_at_once(mailbox: Mailbox) -> None:
    for number in range(30):
        queue(f"a{number}@acme.example")

    outcomes = race(*[send_due_mails] * 4)

    assert sum(outcomes) == 30  # type: ignore[arg-type] # an exception would fail here
    assert sorted(addresses[0] for addresses in mailbox.recipients) == sorted(
        f"a{number}@acme.example" for number in range(30)
    )
    assert set(Mail.objects.values_list("status", "attempts")) == {("sent", 1)}


@pytest.mark.django_db(transaction=True)
def test_mail_goes_again_under_one_id_when_its_worker_was_killed_in_the_middle(
    mailbox: Mailbox, settings
) -> None:
    mail = queue()
    reached = Event()
    mailbox.on_data = reached.set
    server = urlsplit(os.environ["DATABASE_URL"])
    database = urlunsplit(server._replace(path=f"/{connection.settings_dict['NAME']}"))
    worker = subprocess.Popen(
        [sys.executable, "-c", KILLED_BEFORE_ITS_MARK],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "openplatform.settings",
            "DATABASE_URL": database,
            "SMTP_HOST": settings.EMAIL_HOST,
            "SMTP_PORT": str(settings.EMAIL_PORT),
            "SMTP_SECURITY": "none",
            "MAIL_FROM": "platform@shop.example",
        },
    )

    assert reached.wait(30)
    assert worker.wait(30) == -signal.SIGKILL
    assert state(mail) == ("pending", 1, "")
    assert timedelta(minutes=4) < wait_of(mail) <= sending.LEASE
    assert send_due_mails() == 0
    make_due()
    assert send_due_mails() == 1

    assert state(mail) == ("sent", 2, "")
    assert len(mailbox.messages) == 2
    assert len({message["Message-ID"] for message in mailbox.messages}) == 1


# The server has taken the mail; then the power goes.
KILLED_BEFORE_ITS_MARK = """
import os, signal
import django
django.setup()
from openplatform.messaging.services import sending
sending.clock.now = lambda: os.kill(os.getpid(), signal.SIGKILL)
sending.send_due_mails()
"""


def test_what_a_newer_attempt_did_stays_when_an_old_one_is_refused_late(
    db: None, mailbox: Mailbox
) -> None:
    mail = queue()
    (old,) = sending._claim_due()
    make_due()
    (newer,) = sending._claim_due()

    sending._refused(old, 451, "late")
    sending._refused(old, 550, "late")

    assert (old.attempts, newer.attempts) == (1, 2)
    assert state(mail) == ("pending", 2, "")


def test_mails_become_files_when_there_is_no_server(db: None, settings, tmp_path: Path) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path / "mail"
    settings.SMTP_HOST = ""

    assert send_due_mails() == 0
    assert not (tmp_path / "mail").exists()
    queue()
    assert send_due_mails() == 1

    (file,) = (tmp_path / "mail").iterdir()
    assert "请充值。" in file.read_text(encoding="utf-8")


# Send again


def test_failed_mail_is_sent_when_it_is_asked_for_again(db: None, mailbox: Mailbox) -> None:
    mail = queue(
        status="failed", attempts=6, next_attempt_at=None, last_error="450 4.2.0 Mailbox busy"
    )

    send_again(mail_id=mail.pk, actor="operator")

    assert state(mail) == ("pending", 0, "450 4.2.0 Mailbox busy")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor, entry.subject_type, entry.subject_id) == (
        "send_mail_again", "operator", "messaging.mail", str(mail.pk),
    )  # fmt: skip
    assert entry.before == {"status": "failed", "attempts": 6}
    assert entry.after == {"status": "pending", "attempts": 0}
    assert send_due_mails() == 1
    assert state(mail) == ("sent", 1, "")


@pytest.mark.parametrize("status", ["pending", "sent"])
def test_sending_again_is_refused_when_the_mail_has_not_failed(status: str, db: None) -> None:
    mail = queue(status=status, attempts=1)

    with pytest.raises(MailNotFailed):
        send_again(mail_id=mail.pk, actor="operator")

    assert state(mail) == (status, 1, "")
    assert not AuditEntry.objects.exists()


def test_sending_again_is_refused_when_there_is_no_such_mail(db: None) -> None:
    with pytest.raises(NotFound):
        send_again(mail_id=1, actor="operator")


@pytest.mark.django_db(transaction=True)
def test_failed_mail_is_revived_once_when_two_ask_for_it_at_once() -> None:
    mail = queue(status="failed", attempts=1)

    outcomes = race(
        lambda: send_again(mail_id=mail.pk, actor="one"),
        lambda: send_again(mail_id=mail.pk, actor="two"),
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Mail", "MailNotFailed"]
