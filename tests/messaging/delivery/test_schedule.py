from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.conf import LazySettings

from openplatform.messaging.delivery.schedule import probe_wait, read_retry_after, wait_after

NOW = datetime(2026, 10, 21, 7, 28, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Wed, 21 Oct 2026 07:29:30 GMT", 90.0),
        ("Wed, 21 Oct 2026 07:29:30 -0000", 90.0),
        ("Wed, 21 Oct 2026 07:00:00 GMT", 0.0),
        ("Fri, 21 Oct 2033 07:00:00 GMT", 86_400.0),
        ("86401", 86_400.0),
        ("9" * 400, 86_400.0),
        ("-5", 0.0),
        ("1.5", 0.0),
        ("１２", 0.0),
        ("soon", 0.0),
        ("Wed, 99 Oct 2026 07:29:30 GMT", 0.0),
        ("Wed, 21 Oct 99999999999999999999 07:29:30 GMT", 0.0),
        ("", 0.0),
        (None, 0.0),
    ],
)
def test_seconds_are_read_when_a_receiver_says_how_long_to_wait(
    text: str | None, seconds: float
) -> None:
    assert read_retry_after(text, NOW) == seconds


def test_message_has_as_many_tries_as_there_are_waits(settings: LazySettings) -> None:
    settings.WEBHOOK_WAITS = [0.0, 5.0, 300.0]

    waits = [wait_after(tries) for tries in range(1, 4)]

    assert waits[0] == pytest.approx(5, rel=0.1)
    assert waits[1] == pytest.approx(300, rel=0.1)
    assert waits[2] is None


def test_last_wait_is_repeated_when_probes_go_on(settings: LazySettings) -> None:
    settings.WEBHOOK_WAITS = [0.0, 5.0, 300.0]

    waits = [probe_wait(failed) for failed in range(4)]

    assert waits[0] == pytest.approx(5, rel=0.1)
    assert all(wait == pytest.approx(300, rel=0.1) for wait in waits[1:])
