"""The proofs of ``test_messages.py`` in small, so that they still hold when they are run."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from django.conf import LazySettings

from openplatform.messaging.models import WebhookDelivery
from tests.bench.receiver import receiving
from tests.cast import make_merchant
from tests.prove.pushing import (
    Ledger,
    assert_feed_and_pushes_agree,
    environment_of_workers,
    is_all_pushed,
    tell_in_bits,
    workers,
)

pytestmark = pytest.mark.django_db(transaction=True)

EACH = 30
PATIENCE_SECONDS = 60


@pytest.fixture(autouse=True)
def _loopback_is_open(settings: LazySettings) -> None:
    settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1"]


def test_every_message_comes_in_order_when_receivers_fail_and_a_worker_is_killed(
    tmp_path: Path,
) -> None:
    merchants = [make_merchant(f"m{number}") for number in range(3)]
    ledger, dice = Ledger(random.Random(7)), random.Random(1)
    environment = environment_of_workers(tmp_path, WEBHOOK_WAITS="0" + ",0.1" * 7)

    with receiving(ledger.decide) as url:
        for merchant in merchants:
            ledger.add(merchant, url)
        with workers(1, environment) as running:
            tell_in_bits(merchants, each=EACH, subjects=5, dice=dice, rest=lambda: None)
            running.kill("worker", dice)
            running.revive()
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not is_all_pushed():
                assert time.monotonic() < deadline
                time.sleep(0.1)

    assert ledger.faults == []
    for merchant in merchants:
        assert_feed_and_pushes_agree(merchant, ledger, each=EACH)
    assert set(WebhookDelivery.objects.values_list("status", flat=True)) == {"delivered"}
