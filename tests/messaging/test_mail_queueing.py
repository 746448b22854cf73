from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.template import TemplateDoesNotExist
from django.test.utils import CaptureQueriesContext

from accounts.models import Partner
from openplatform.core import clock, pruning
from openplatform.core.locking import NotInTransaction
from openplatform.messaging import recipients
from openplatform.messaging.models import Mail
from openplatform.messaging.recipients import Recipient, register_recipients
from openplatform.messaging.services.mailing import queue_mail
from openplatform.messaging.services.pruning import prune_mails

TEXTS = Path(__file__).parent / "templates"
FACTS = {"merchant": {"name": "Trade Ltd"}, "amount": "12.00", "lines": ["a", "b"]}


@pytest.fixture
def told(settings) -> Iterator[list[Recipient]]:
    """The people that are told of the sample topic; tests add to them."""
    settings.TEMPLATES = deepcopy(settings.TEMPLATES)
    settings.TEMPLATES[0]["DIRS"] = [TEXTS]
    people: list[Recipient] = []

    def find(topic: str, partner_id: int | None) -> Sequence[Recipient]:
        assert topic == "sample"
        return people

    before = list(recipients._recipients)
    register_recipients(find)
    yield people
    recipients._recipients[:] = before


@pytest.fixture
def partner(db: None) -> Partner:
    return Partner.objects.create(code="trade", name="Trade Ltd")


def test_each_reads_in_its_language_when_several_are_told(
    told: list[Recipient], partner: Partner, settings
) -> None:
    told += [
        Recipient("张三", "zhang@acme.example", "zh-hans"),
        Recipient("Ann", "ann@shop.example", "en", is_own_side=True),
    ]

    assert queue_mail(topic="sample", partner_id=partner.pk, facts=FACTS) == 2

    chinese, english = Mail.objects.order_by("id")
    assert (chinese.recipient_name, chinese.recipient_email) == ("张三", "zhang@acme.example")
    assert chinese.subject == "余额不足: Trade Ltd 12.00"
    assert chinese.body == "张三, Trade Ltd & a | b\n"
    assert english.subject == "Low balances: Trade Ltd 12.00"
    assert english.body == (f"Ann, Trade Ltd & a | b\n{settings.PUBLIC_URL}/{partner.pk}\n")
    for mail in (chinese, english):
        assert (mail.topic, mail.partner_id, mail.status, mail.attempts) == (
            "sample", partner.pk, "pending", 0,
        )  # fmt: skip
        assert mail.next_attempt_at is not None
        assert mail.next_attempt_at <= clock.now()


def test_subject_is_one_line_when_a_name_holds_line_breaks(
    told: list[Recipient], partner: Partner
) -> None:
    told.append(Recipient("Ann\r\nBcc: spy@evil.example", "ann@acme.example", "en"))
    name = "Trade\r\nBcc: spy@evil.example\u2028\x00\x85Ltd <b>"

    queue_mail(topic="sample", partner_id=partner.pk, facts={**FACTS, "merchant": {"name": name}})

    mail = Mail.objects.get()
    assert mail.subject == "Low balances: Trade Bcc: spy@evil.example Ltd <b> 12.00"
    assert mail.recipient_name == "Ann Bcc: spy@evil.example"
    assert mail.body.splitlines()[0].startswith("Ann Bcc: spy@evil.example, Trade Bcc: ")


def test_subject_and_name_are_cut_when_they_are_long(
    told: list[Recipient], partner: Partner
) -> None:
    told.append(Recipient("长" * 120, "a@acme.example", "zh-hans"))

    queue_mail(
        topic="sample", partner_id=partner.pk, facts={**FACTS, "merchant": {"name": "名" * 300}}
    )

    mail = Mail.objects.get()
    assert mail.subject == ("余额不足: " + "名" * 300)[:200]
    assert mail.recipient_name == "长" * 64
    assert "名" * 300 in mail.body


def test_nothing_is_queued_when_nobody_is_told(told: list[Recipient], partner: Partner) -> None:
    assert queue_mail(topic="sample", partner_id=partner.pk, facts=FACTS) == 0

    assert not Mail.objects.exists()


def test_one_statement_writes_them_when_many_are_told(
    told: list[Recipient], partner: Partner
) -> None:
    told += [Recipient(f"N{number}", f"a{number}@acme.example", "en") for number in range(20)]

    with CaptureQueriesContext(connection) as queries:
        queue_mail(topic="sample", partner_id=None, facts=FACTS)

    assert len(queries) == 1
    assert Mail.objects.filter(partner=None).count() == 20


def test_mail_is_gone_when_its_change_is_rolled_back(
    told: list[Recipient], partner: Partner
) -> None:
    told.append(Recipient("Ann", "ann@acme.example", "en"))

    with transaction.atomic():
        queue_mail(topic="sample", partner_id=partner.pk, facts=FACTS)
        transaction.set_rollback(True)

    assert not Mail.objects.exists()


def test_topic_is_refused_when_it_has_no_text(told: list[Recipient], partner: Partner) -> None:
    with pytest.raises(TemplateDoesNotExist):
        queue_mail(topic="no_such_topic", partner_id=partner.pk, facts={})

    assert not Mail.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_queueing_is_refused_when_no_transaction_is_open(told: list[Recipient]) -> None:
    told.append(Recipient("Ann", "ann@acme.example", "en"))

    with pytest.raises(NotInTransaction):
        queue_mail(topic="sample", partner_id=None, facts=FACTS)

    assert not Mail.objects.exists()


def test_sent_mails_are_forgotten_when_they_are_older_than_180_days(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "BATCH", 2)
    old, kept = clock.now() - timedelta(days=181), clock.now() - timedelta(days=179)
    for status, created_at in [*[("sent", old)] * 5, ("sent", kept), ("failed", old)]:
        Mail.objects.create(
            topic="sample", recipient_email="a@acme.example", subject="S", body="B",
            status=status, created_at=created_at,
        )  # fmt: skip

    assert prune_mails() == 5

    assert sorted(Mail.objects.values_list("status", flat=True)) == ["failed", "sent"]
    assert prune_mails() == 0
