"""The bench of messages measures what it says, on a world of two merchants."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import LazySettings

from openplatform.messaging.models import Message, WebhookDelivery
from tests.bench.message_report import Figure, as_document, as_text, figures
from tests.bench.messages import Receivers, Stage, measure_all
from tests.prove.pushing import environment_of_workers


@pytest.mark.django_db(transaction=True)
def test_every_figure_has_a_value_when_the_bench_runs_in_small(
    tmp_path: Path, settings: LazySettings
) -> None:
    settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1"]
    environment = environment_of_workers(tmp_path)
    receivers = Receivers()
    stage = Stage(environment["DATABASE_URL"], receivers, environment)
    into = figures()

    try:
        measure_all(stage, seconds=0.02, rounds=1, into=into, partners=2)
    finally:
        receivers.stop()
        stage.aside.close()
    document = as_document(into, rounds=1, took=1.0)

    assert [figure["name"] for figure in document["figures"]] == list(into)
    assert all(figure["value"] >= 0 for figure in document["figures"])
    # 2 to warm up and 100 to be sequenced; 5 for each of four, and 20 and 10 to be pushed; one
    # when the worker is up, 3 while it is idle, 3 at a pace.
    assert Message.objects.count() == 102 + 50 + 7
    assert WebhookDelivery.objects.filter(status="delivered").count() == 50 + 7
    assert "sequenced from a filled outbox" in as_text(document)


def test_verdict_says_how_good_a_figure_is() -> None:
    figure = Figure("name", "title", "ms", gate=10, aim=4, rounds=[3.0, 4.0, 50.0])
    assert (figure.value, figure.verdict) == (4.0, "at the aim")
    figure.rounds.append(10.0)
    assert (figure.value, figure.verdict) == (7.0, "past the gate")
    figure.rounds += [20.0, 20.0]
    assert figure.verdict == "not at the gate"

    assert Figure("name", "title", "/s", gate=10, is_floor=True, rounds=[9.0]).verdict == (
        "not at the gate"
    )
    assert Figure("name", "title", "/s", rounds=[9.0]).verdict == ""
