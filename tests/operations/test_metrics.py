"""``/metrics``: right with several web workers, and for nobody without the token."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from django.test import Client

from openplatform.core import clock
from openplatform.messaging.models import (
    MessageCursor,
    Outbox,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from openplatform.messaging.services.sequencing import sequence_outbox
from openplatform.operations.metrics import DIRECTORY, _name_of, share_counts
from openplatform.operations.services.beating import note_beat
from tests.bench.processes import serving
from tests.cast import Merchant
from tests.messaging.told import tell
from tests.operations.workers import environment

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "tell-me-how-it-goes-7"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
SAMPLE = re.compile(r"openplatform_(?P<name>\w+)(?P<labels>\{.*\})? (?P<value>\S+)")


def read_samples(page: str) -> dict[str, float]:
    """Our figures, by name and labels."""
    found = map(SAMPLE.fullmatch, page.splitlines())
    return {
        match["name"] + (match["labels"] or ""): float(match["value"]) for match in found if match
    }


@pytest.fixture
def token(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize(
    "given", [None, "", "Bearer", "Bearer x", f"Basic {TOKEN}", f"{TOKEN}", "Bearer é"]
)
def test_page_is_refused_without_the_token(client: Client, given: str | None) -> None:
    answer = client.get("/metrics", headers={} if given is None else {"Authorization": given})

    assert (answer.status_code, answer.content) == (401, b"")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_page_is_not_there_where_no_token_is_set(client: Client) -> None:
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


@pytest.mark.usefixtures("token")
def test_figures_are_those_of_the_tables(client: Client, merchant: Merchant) -> None:
    tell(merchant, n=1)
    tell(merchant, n=2)
    sequence_outbox()
    Outbox.objects.create(
        type="order.created",
        subject="order:1",
        partner_ids=[merchant.partner.pk],
        data={},
        created_at=clock.now() - timedelta(seconds=40),
    )
    note_beat(worker="a:1", part="loops", process_id=1, restarts=0, started_ago=9, beat_ago=30)
    note_beat(worker="b:1", part="loops", process_id=1, restarts=0, started_ago=9, beat_ago=90)
    endpoint = WebhookEndpoint.objects.create(
        endpoint_id="we_1", partner=merchant.partner, url="https://example.com", taken_sequence=1
    )
    WebhookEndpoint.objects.create(
        endpoint_id="we_2", partner=merchant.partner, url="https://example.com", status="disabled"
    )
    due, later = (
        WebhookDelivery.objects.create(
            endpoint=endpoint,
            message_id=f"msg_{sequence}",
            sequence=sequence,
            type="order.created",
            subject="order:1",
            next_attempt_at=clock.now() + timedelta(seconds=seconds),
        )
        for sequence, seconds in ((1, -20), (2, 600))
    )
    for number, (delivery, status, minutes) in enumerate(
        [(due, 500, 1), (due, None, 1), (later, 204, 2), (later, 200, 6)]
    ):
        WebhookAttempt.objects.create(
            delivery=delivery,
            endpoint=endpoint,
            number=number,
            url="https://example.com",
            started_at=clock.now() - timedelta(minutes=minutes),
            duration_ms=5,
            status_code=status,
        )

    answer = client.get("/metrics", headers=BEARER)

    samples = read_samples(answer.content.decode())
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    about = {
        name: round(samples.pop(name))
        for name in list(samples)
        if "seconds" in name and not name.startswith("api_")
    }
    assert about == pytest.approx(
        {
            'worker_beat_age_seconds{part="loops"}': 30,
            "outbox_oldest_seconds": 40,
            "webhook_oldest_due_seconds": 20,
        },
        abs=5,
    )
    assert {name: value for name, value in samples.items() if not name.startswith("api_")} == {
        "database_up": 1,
        'worker_parts{part="loops"}': 1,
        "outbox_messages": 1,
        "messages_sequenced_total": 2,
        'webhook_endpoints{status="enabled"}': 1,
        'webhook_endpoints{status="failing"}': 0,
        'webhook_endpoints{status="disabled"}': 1,
        'webhook_messages_behind{status="enabled"}': 1,
        'webhook_messages_behind{status="failing"}': 0,
        'webhook_messages_behind{status="disabled"}': 2,
        'webhook_deliveries_open{state="due"}': 1,
        'webhook_deliveries_open{state="later"}': 1,
        'webhook_attempts_5m{outcome="taken"}': 1,
        'webhook_attempts_5m{outcome="failed"}': 2,
    }
    assert MessageCursor.objects.get().last_sequence == 2


def test_requests_to_all_web_workers_are_counted(merchant: Merchant, tmp_path: Path) -> None:
    Path(tmp_path, "static").mkdir()
    with serving(
        "openplatform.wsgi:application",
        {**environment(), "METRICS_TOKEN": TOKEN, "DATA_DIR": str(tmp_path)},
        path="/readyz",
    ) as web:
        url = f"http://127.0.0.1:{web.port}"
        for _ in range(
            40
        ):  # each on a connection of its own: some to one worker, some to the other
            requests.get(
                f"{url}/api/v1/account",
                headers={"Authorization": f"Bearer {merchant.key}"},
                timeout=20,
            )
        requests.get(f"{url}/api/v1/account", timeout=20)
        requests.get(f"{url}/api/v1/nothing", timeout=20)
        pages = {requests.get(f"{url}/metrics", headers=BEARER, timeout=20).text for _ in range(8)}
        [directory] = (tmp_path / "metrics").iterdir()
        processes = {file.stem.rpartition("_")[2] for file in directory.iterdir()}

    samples = [read_samples(page) for page in pages]
    counts = [
        {name: value for name, value in each.items() if name.startswith("api_requests")}
        for each in samples
    ]
    assert counts[0] == {
        'api_requests_total{operation="get_account",status="200"}': 40,
        'api_requests_total{operation="get_account",status="401"}': 1,
        'api_requests_total{operation="",status="404"}': 1,
    }
    assert all(each == counts[0] for each in counts)
    assert samples[0]['api_request_seconds_count{operation="get_account"}'] == 41
    assert len(processes) == 2


@pytest.fixture
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(DIRECTORY, "")
    yield
    os.environ.pop(DIRECTORY, None)


@pytest.mark.usefixtures("token", "_own_environment")
def test_counts_of_earlier_servers_go_when_a_server_starts(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    own = _name_of(os.getppid())
    host = own.rpartition("@")[0]
    for name in (f"{host}@{os.getpid()}-1", f"{host}@4194305-77", "elsewhere@1-1", own):
        (tmp_path / "metrics" / name).mkdir(parents=True)

    share_counts()

    left = {path.name for path in (tmp_path / "metrics").iterdir()}
    assert left == {"elsewhere@1-1", own}
    assert os.environ[DIRECTORY] == str(tmp_path / "metrics" / own)


@pytest.mark.usefixtures("_own_environment")
def test_nothing_is_counted_where_no_token_is_set(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path

    share_counts()

    assert not os.environ[DIRECTORY]
    assert list(tmp_path.iterdir()) == []
