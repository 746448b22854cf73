from __future__ import annotations

import random
import time
from collections import defaultdict
from functools import partial
from threading import Event

import pytest
from django.db import connection, transaction

from accounts.models import Partner
from openplatform.core.locking import transactional
from openplatform.messaging.models import Message, Outbox
from openplatform.messaging.services.publishing import publish
from openplatform.messaging.services.sequencing import SEQUENCER_LOCK, sequence_outbox
from tests.cast import Merchant, make_merchant
from tests.messaging.told import tell, told
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS = 16
CHANGES = 6
SUBJECTS = 3


def assert_gapless(*merchants: Merchant) -> None:
    for merchant in merchants:
        sequences = [sequence for sequence, _, _ in told(merchant)]
        assert sequences == list(range(1, len(sequences) + 1))


def test_nothing_is_doubled_or_skipped_when_several_sequencers_work_at_once() -> None:
    merchant, other = make_merchant("acme"), make_merchant("other")
    for number in range(60):
        tell(merchant, other, n=number)

    def sequence_all() -> int:
        written = 0
        while Outbox.objects.exists():
            written += sequence_outbox()
        return written

    written = race(*[sequence_all] * 4)

    assert sum(count for count in written if isinstance(count, int)) == 120
    assert [data["n"] for _, _, data in told(merchant)] == list(range(60))
    assert_gapless(merchant, other)


def test_second_sequencer_does_nothing_when_another_is_at_work() -> None:
    merchant = make_merchant("acme")
    tell(merchant, n=1)

    def busy() -> int:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SEQUENCER_LOCK])
            (written,) = race(sequence_outbox)
            assert isinstance(written, int)
            return written

    assert busy() == 0
    assert told(merchant) == []
    assert sequence_outbox() == 1


def test_late_commit_is_told_when_later_rows_were_sequenced_before_it() -> None:
    merchant = make_merchant("acme")
    written, sequenced = Event(), Event()

    def late() -> None:
        with transaction.atomic():
            publish(
                type="order.created",
                subject="order:late",
                data={"n": "late"},
                partner_ids=[merchant.partner.pk],
            )
            written.set()
            assert sequenced.wait(10)

    def early() -> int:
        assert written.wait(10)
        tell(merchant, subject="order:early", n="early")
        count = sequence_outbox()
        sequenced.set()
        return count

    assert race(late, early) == [None, 1]
    assert sequence_outbox() == 1
    assert [(sequence, data["n"]) for sequence, _, data in told(merchant)] == [
        (1, "early"),
        (2, "late"),
    ]


def test_each_subject_comes_in_order_when_many_write_while_it_is_sequenced() -> None:
    merchants = [make_merchant(code) for code in ("a", "b")]
    partner_ids = [merchant.partner.pk for merchant in merchants]
    subjects = [Partner.objects.create(code=f"subject-{n}", name="0").pk for n in range(SUBJECTS)]
    stop = Event()

    @transactional
    def change(subject: int, delay: float) -> None:
        row = Partner.objects.select_for_update().get(pk=subject)
        row.name = str(int(row.name) + 1)
        row.save(update_fields=["name"])
        publish(
            type="order.status_changed",
            subject=f"order:{subject}",
            data={"version": int(row.name)},
            partner_ids=partner_ids,
        )
        time.sleep(delay)  # so that commits come in another order than ids

    def write(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(CHANGES):
            change(chance.choice(subjects), chance.uniform(0, 0.02))

    def sequence() -> None:
        while not stop.is_set():
            sequence_outbox()

    def write_all() -> None:
        try:
            outcomes = race(*(partial(write, seed) for seed in range(WRITERS)))
        finally:
            stop.set()
        assert outcomes == [None] * WRITERS

    assert race(write_all, sequence) == [None, None]
    while sequence_outbox():
        pass

    assert Message.objects.count() == WRITERS * CHANGES * len(merchants)
    assert_gapless(*merchants)
    for partner_id in partner_ids:
        versions: dict[str, list[int]] = defaultdict(list)
        for message in Message.objects.filter(partner_id=partner_id).order_by("sequence"):
            versions[message.subject].append(message.data["version"])
        assert len(versions) == SUBJECTS
        assert all(seen == list(range(1, len(seen) + 1)) for seen in versions.values())
