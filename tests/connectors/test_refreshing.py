"""Parcels are asked about: once within the interval, by the first provider or its spare."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from openplatform.connectors import interest
from openplatform.connectors.models import ParcelEvent, Provider, ProviderCall, TrackedParcel
from openplatform.connectors.services import refreshing
from openplatform.connectors.services.refreshing import refresh_due_parcels, refresh_parcel
from openplatform.connectors.services.watching import know_parcel
from openplatform.connectors.simulator.server import Simulator
from openplatform.core import clock
from openplatform.core.outgoing.client import send_request
from tests.connectors.conftest import MakeProvider
from tests.racing import race

on_connections_of_their_own = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody waits for every parcel."""
    monkeypatch.setattr(interest, "_INTERESTS", [lambda _carrier, _waybill: True])


def watch(waybill_no: str = "SF1") -> TrackedParcel:
    know_parcel(carrier_code="sf", waybill_no=waybill_no)
    return TrackedParcel.objects.get(waybill_no=waybill_no)


def refresh(waybill_no: str = "SF1") -> TrackedParcel:
    parcel = watch(waybill_no)
    refresh_parcel(parcel_id=parcel.pk, now=clock.now())
    parcel.refresh_from_db()
    return parcel


def outcomes() -> list[tuple[str, str, Decimal]]:
    calls = ProviderCall.objects.order_by("id").select_related("provider")
    return [(call.provider.code, call.outcome, call.cost) for call in calls]


def let_pass(seconds: float) -> None:
    """As if every call had been so much earlier."""
    earlier = timedelta(seconds=seconds)
    ProviderCall.objects.update(created_at=F("created_at") - earlier)
    TrackedParcel.objects.update(tried_at=F("tried_at") - earlier)


def test_delivered_with_all_events_when_the_provider_says_so(make_provider: MakeProvider) -> None:
    provider = make_provider()
    before = clock.now()

    parcel = refresh()

    assert (parcel.status, parcel.provider, parcel.refresh_at) == ("delivered", provider, None)
    assert parcel.as_of is not None
    assert before <= parcel.as_of <= clock.now()
    assert (parcel.follow_at is not None, parcel.version) == (True, 2)
    events = list(ParcelEvent.objects.order_by("at", "id"))
    assert [(event.status, event.text, event.place) for event in events] == [
        ("picked_up", "快件已揽收", "始发网点"),
        ("in_transit", "快件离开始发转运中心，发往目的地", "始发转运中心"),
        ("in_transit", "快件到达目的转运中心", "目的转运中心"),
        ("out_for_delivery", "快件正在派送", "目的网点"),
        ("delivered", "快件已签收", "目的网点"),
    ]
    assert parcel.delivered_at == events[-1].at
    call = ProviderCall.objects.get()
    assert (call.outcome, call.status_code, call.cost) == ("answered", 200, Decimal("0.0500"))
    provider.refresh_from_db()
    assert provider.last_success_at is not None


@pytest.mark.parametrize(
    ("waybill_no", "status"),
    [
        ("SF-LOST-1", "lost"),
        ("SF-REFUSED-1", "refused"),
        ("SF-STUCK-1", "exception"),
        ("SF-RETURN-1", "returned"),
    ],
)
def test_parcel_is_where_its_newest_event_says(
    make_provider: MakeProvider, waybill_no: str, status: str
) -> None:
    make_provider()

    assert refresh(waybill_no).status == status


def test_status_stays_and_text_is_told_when_the_provider_has_a_word_that_we_do_not_know(
    make_provider: MakeProvider, simulator: Simulator
) -> None:
    make_provider()
    simulator.seconds = 120
    watch("SF-ODD-1")
    simulator.describe("sf", "SF-ODD-1")
    simulator._began["sf SF-ODD-1"] -= 100

    parcel = refresh("SF-ODD-1")

    assert parcel.status == "in_transit"
    last = ParcelEvent.objects.order_by("at", "id").last()
    assert last is not None
    assert (last.status, last.text) == ("in_transit", "等待海关查验")


@pytest.mark.parametrize(
    ("waybill_no", "outcome", "status_code", "cost"),
    [
        ("SF-FAIL-1", "failed", 500, "0"),
        ("SF-DENIED-1", "refused", 403, "0"),
        ("SF-MOVED-1", "failed", 302, "0"),
        ("SF-GARBAGE-1", "unreadable", 200, "0.05"),
        ("SF-OTHER-1", "unreadable", 200, "0.05"),
        ("SF-HUGE-1", "unreadable", None, "0.05"),
    ],
)
def test_nothing_is_known_but_the_call_when_the_provider_fails(
    make_provider: MakeProvider, waybill_no: str, outcome: str, status_code: int | None, cost: str
) -> None:
    provider = make_provider()

    parcel = refresh(waybill_no)

    assert (parcel.status, parcel.as_of, parcel.follow_at) == ("pending", None, None)
    assert parcel.refresh_at is not None
    assert parcel.refresh_at > clock.now() + timedelta(seconds=590)
    call = ProviderCall.objects.get()
    assert (call.outcome, call.status_code, call.cost) == (outcome, status_code, Decimal(cost))
    provider.refresh_from_db()
    assert (provider.failures_in_a_row, provider.resting_until) == (1, None)
    assert provider.last_error.startswith(outcome)
    assert not ParcelEvent.objects.exists()


def test_call_ends_in_time_when_the_provider_is_slow(make_provider: MakeProvider) -> None:
    make_provider(timeout_seconds=1)
    began = clock.now()

    refresh("SF-SLOW-1")

    assert clock.now() - began < timedelta(seconds=3)
    assert outcomes() == [("first", "timed_out", Decimal("0.0500"))]


def test_call_is_told_unreachable_when_nobody_listens(make_provider: MakeProvider) -> None:
    make_provider(base_url="http://127.0.0.1:1")

    refresh()

    assert outcomes() == [("first", "unreachable", Decimal("0"))]


def test_nothing_is_sent_when_the_host_is_private_and_not_named(
    make_provider: MakeProvider, simulator: Simulator, settings: Any
) -> None:
    settings.OUTGOING_PRIVATE_HOSTS = []
    make_provider()

    refresh()

    assert outcomes() == [("first", "unreachable", Decimal("0"))]
    assert simulator.calls == {}


def test_unknown_parcel_is_no_failure_of_the_provider(make_provider: MakeProvider) -> None:
    provider = make_provider()
    make_provider("spare", priority=2, path="/spare")

    parcel = refresh("SF-UNKNOWN-1")

    assert (parcel.status, parcel.provider) == ("pending", provider)
    assert parcel.as_of is not None
    assert outcomes() == [("first", "unknown_parcel", Decimal("0.0500"))]
    provider.refresh_from_db()
    assert provider.failures_in_a_row == 0


def test_spare_takes_over_and_tells_the_same_when_the_first_fails(
    make_provider: MakeProvider, simulator: Simulator
) -> None:
    make_provider()
    spare = make_provider("spare", priority=2, path="/spare", call_cost="0.08")

    parcel = refresh("SF-FAIL-1")

    assert (parcel.status, parcel.provider) == ("delivered", spare)
    assert outcomes() == [("first", "failed", Decimal("0")), ("spare", "answered", Decimal("0.08"))]
    assert simulator.calls == {"/track": 1, "/spare/track": 1}


def test_first_rests_after_three_failures_and_is_asked_again_afterwards(
    make_provider: MakeProvider, simulator: Simulator
) -> None:
    first = make_provider()
    make_provider("spare", priority=2, path="/spare")
    simulator.mishap = "FAIL"
    for number in range(4):
        refresh(f"SF{number}")
    first.refresh_from_db()

    assert simulator.calls == {"/track": 3, "/spare/track": 4}
    assert first.resting_until is not None
    assert timedelta(0) < first.resting_until - clock.now() <= timedelta(seconds=30)

    simulator.mishap = ""
    Provider.objects.filter(pk=first.pk).update(resting_until=clock.now() - timedelta(seconds=1))
    refresh("SF9")

    again = Provider.objects.get(pk=first.pk)
    assert (again.failures_in_a_row, again.resting_until) == (0, None)
    assert simulator.calls == {"/track": 4, "/spare/track": 4}


def test_provider_is_asked_only_about_its_carriers(make_provider: MakeProvider) -> None:
    make_provider(carriers=["yto"])
    make_provider("other", priority=2, path="/other", carriers=["sf", "zto"])

    refresh()

    assert [code for code, _outcome, _cost in outcomes()] == ["other"]


def test_parcel_is_left_for_later_when_nobody_can_be_asked(make_provider: MakeProvider) -> None:
    make_provider(is_enabled=False)

    parcel = refresh()

    assert (parcel.status, parcel.as_of, outcomes()) == ("pending", None, [])
    assert parcel.refresh_at is not None
    assert parcel.refresh_at > clock.now() + timedelta(minutes=9)


@on_connections_of_their_own
def test_provider_is_called_once_within_its_interval_when_many_ask_at_once(
    make_provider: MakeProvider, simulator: Simulator
) -> None:
    make_provider()
    simulator.seconds = 3600
    parcel = watch()

    race(*[lambda: refresh_parcel(parcel_id=parcel.pk, now=clock.now())] * 10)
    for _turn in range(50):
        refresh_parcel(parcel_id=parcel.pk, now=clock.now())

    assert simulator.calls == {"/track": 1}
    assert outcomes() == [("first", "answered", Decimal("0.0500"))]


@on_connections_of_their_own
def test_provider_is_called_twice_at_once_when_the_parcel_is_not_locked(
    make_provider: MakeProvider, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the lock is there for: both look before either has counted its call."""
    from openplatform.connectors.services import calling

    make_provider()
    parcel = watch()
    monkeypatch.setattr(calling, "LOCK", "SELECT pg_sleep(0.1), %s::bigint")
    monkeypatch.setattr(
        calling, "START", calling.START.replace("WHERE provider.id", "CROSS JOIN pg_sleep(0.3)"
        " WHERE provider.id")
    )  # fmt: skip

    race(*[lambda: refresh_parcel(parcel_id=parcel.pk, now=clock.now())] * 2)

    assert simulator.calls == {"/track": 2}


def test_provider_is_asked_again_after_its_interval(
    make_provider: MakeProvider, simulator: Simulator
) -> None:
    make_provider()
    simulator.seconds = 3600
    refresh()

    let_pass(599)
    refresh()
    assert simulator.calls == {"/track": 1}

    let_pass(1)
    refresh()
    assert simulator.calls == {"/track": 2}


def test_call_stays_counted_when_the_worker_is_killed_in_the_middle(
    make_provider: MakeProvider, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openplatform.connectors.providers.simulated import SimulatedLogistics

    def die(*_args: Any, **_kwargs: Any) -> None:
        raise KeyboardInterrupt

    make_provider()
    monkeypatch.setattr(SimulatedLogistics, "track", die)
    with pytest.raises(KeyboardInterrupt):
        refresh()
    monkeypatch.undo()
    monkeypatch.setattr(interest, "_INTERESTS", [lambda _carrier, _waybill: True])

    refresh()

    assert outcomes() == [("first", "started", Decimal("0.0500"))]
    assert simulator.calls == {}


@on_connections_of_their_own
def test_loop_takes_what_is_due_and_no_transaction_is_open_while_it_asks(
    make_provider: MakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openplatform.connectors.providers import asking

    make_provider()
    watch("SF1")
    watch("SF2")
    open_ones: list[bool] = []

    def look_and_send(*args: Any, **kwargs: Any) -> Any:
        open_ones.append(connection.in_atomic_block)
        return send_request(*args, **kwargs)

    monkeypatch.setattr(asking, "send_request", look_and_send)

    assert [refresh_due_parcels() for _turn in range(3)] == [1, 1, 0]
    assert open_ones == [False, False]
    assert set(TrackedParcel.objects.values_list("status", flat=True)) == {"delivered"}


def test_parcel_under_way_is_asked_about_again_at_its_time(
    make_provider: MakeProvider, simulator: Simulator
) -> None:
    make_provider(refresh_seconds=700)
    simulator.seconds = 3600

    parcel = refresh()

    assert parcel.status == "picked_up"
    assert parcel.refresh_at is not None
    wait = parcel.refresh_at - clock.now()
    assert timedelta(seconds=690) < wait <= timedelta(seconds=700)


@pytest.mark.parametrize("reason", ["nobody waits", "too old"])
def test_parcel_is_not_asked_about_any_more_when_nothing_is_to_be_expected(
    make_provider: MakeProvider,
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    reason: str,
) -> None:
    make_provider()
    simulator.seconds = 3600
    parcel = watch()
    if reason == "too old":
        old = clock.now() - refreshing.GIVEN_UP_AFTER - timedelta(days=1)
        TrackedParcel.objects.filter(pk=parcel.pk).update(created_at=old)
    else:
        monkeypatch.setattr(interest, "_INTERESTS", [])

    assert refresh().refresh_at is None


def test_secret_is_not_in_the_error_when_it_cannot_be_opened(
    make_provider: MakeProvider, settings: Any, simulator: Simulator
) -> None:
    provider = make_provider()
    settings.SECRET_KEY = "another key altogether, as after a change"

    refresh()

    provider.refresh_from_db()
    assert provider.last_error == "unreachable: its key was sealed under another key"
    assert simulator.calls == {}
