"""On the shelf and off it, now and in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from catalog.models import ShelfChange, Sku, StockHint
from catalog.services.shelf import (
    apply_due_shelf_changes,
    schedule_shelf_change,
    set_shelf_state,
    withdraw_shelf_changes,
)
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.core.errors import FieldInvalid, Refusal
from openplatform.messaging.models import Outbox
from tests.cast import World
from tests.racing import race

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ON, OFF = Sku.ShelfState.ON_SHELF, Sku.ShelfState.OFF_SHELF


def states() -> dict[str, str]:
    """Of all SKUs."""
    return dict(Sku.objects.values_list("code", "shelf_state"))


def told() -> list[tuple[str, list[str]]]:
    """What waits for the sequencer."""
    return [(row.type, row.data["skus"]) for row in Outbox.objects.order_by("id")]


def hinted() -> list[str]:
    """SKUs whose stock answers are looked at again."""
    return sorted(StockHint.objects.values_list("sku__code", flat=True))


def schedule(*skus: Sku, state: Sku.ShelfState = OFF, minutes: float = 60) -> datetime:
    """An operator schedules a change; answers when it takes effect."""
    effective_at = clock.now() + timedelta(minutes=minutes)
    schedule_shelf_change(
        sku_ids=[sku.pk for sku in skus], state=state, effective_at=effective_at, actor="operator"
    )
    return effective_at


def let_time_pass(minutes: float = 90) -> None:
    """What was scheduled comes closer."""
    for change in ShelfChange.objects.all():
        change.effective_at -= timedelta(minutes=minutes)
        change.save(update_fields=["effective_at"])


def test_those_that_moved_are_told_when_skus_go_off_the_shelf(world: World) -> None:
    world.make_sku("A")
    world.make_sku("B", shelf_state="off_shelf")
    world.make_sku("C")

    moved = set_shelf_state(sku_codes=["C", "B", "A"], state=OFF, actor="operator", now=NOW)

    assert moved == ["A", "C"]
    assert set(Sku.objects.values_list("shelf_state", flat=True)) == {"off_shelf"}
    assert set(Sku.objects.filter(updated_at=NOW).values_list("code", flat=True)) == {"A", "C"}
    message = Outbox.objects.get()
    assert (message.type, message.data) == ("sku.off_shelf", {"skus": ["A", "C"]})
    assert message.partner_ids is None
    assert hinted() == ["A", "C"]


def test_nothing_is_told_when_all_are_there_already(world: World) -> None:
    world.make_sku("A", shelf_state="off_shelf")

    assert set_shelf_state(sku_codes=["A"], state=OFF, actor="operator", now=NOW) == []
    assert not Outbox.objects.exists()
    assert hinted() == []


def test_nothing_moves_when_a_sku_is_unknown(world: World) -> None:
    world.make_sku("A")

    with pytest.raises(Refusal) as refused:
        set_shelf_state(sku_codes=["A", "X"], state=OFF, actor="operator", now=NOW)

    assert [fault.pointer for fault in refused.value.faults] == ["/skus/1"]
    assert Sku.objects.get().shelf_state == "on_shelf"
    assert not Outbox.objects.exists()


def test_change_takes_effect_when_it_is_due_and_not_before(world: World) -> None:
    skus = [world.make_sku(code) for code in "AB"]
    world.make_sku("C")
    schedule(*skus)

    assert apply_due_shelf_changes() == 0
    assert states() == {"A": "on_shelf", "B": "on_shelf", "C": "on_shelf"}

    let_time_pass()
    before = clock.now()

    assert apply_due_shelf_changes() == 2
    assert states() == {"A": "off_shelf", "B": "off_shelf", "C": "on_shelf"}
    assert told() == [("sku.off_shelf", ["A", "B"])]
    assert hinted() == ["A", "B"]
    assert ShelfChange.objects.filter(applied_at__gte=before).count() == 2
    assert Sku.objects.filter(updated_at__gte=before).count() == 2
    entry = AuditEntry.objects.filter(action="set_shelf_state").latest("pk")
    assert (entry.actor, entry.after) == ("operator", {"shelf_state": "off_shelf"})
    assert apply_due_shelf_changes() == 0


def test_nothing_is_told_when_the_sku_is_there_by_then(world: World) -> None:
    schedule(world.make_sku("A"), state=ON)
    let_time_pass()

    assert apply_due_shelf_changes() == 1
    assert told() == []
    assert ShelfChange.objects.get().applied_at is not None


def test_changes_of_one_sku_take_effect_in_their_order(world: World) -> None:
    sku = world.make_sku("A")
    schedule(sku, state=ON, minutes=20)
    schedule(sku, state=OFF, minutes=10)
    let_time_pass()

    assert apply_due_shelf_changes() == 1
    assert states() == {"A": "off_shelf"}
    assert apply_due_shelf_changes() == 1
    assert states() == {"A": "on_shelf"}


def test_later_word_counts_when_both_are_for_the_same_time(world: World) -> None:
    sku = world.make_sku("A")
    effective_at = schedule(sku, state=ON)

    schedule_shelf_change(sku_ids=[sku.pk], state=OFF, effective_at=effective_at, actor="boss")

    change = ShelfChange.objects.get()
    assert (change.shelf_state, change.actor) == ("off_shelf", "boss")


def test_time_is_refused_when_it_has_passed(world: World) -> None:
    sku = world.make_sku("A")

    with pytest.raises(FieldInvalid) as refused:
        schedule(sku, minutes=-1)

    assert refused.value.pointer == "/effective_at"
    assert not ShelfChange.objects.exists()
    assert not AuditEntry.objects.exists()


def test_only_what_is_to_come_is_called_off(world: World) -> None:
    schedule(world.make_sku("A"))
    let_time_pass()
    apply_due_shelf_changes()
    schedule(world.make_sku("B"))
    ids = list(ShelfChange.objects.values_list("pk", flat=True))

    assert withdraw_shelf_changes(change_ids=ids, actor="operator") == 1

    assert list(ShelfChange.objects.values_list("sku__code", flat=True)) == ["A"]
    entry = AuditEntry.objects.get(action="withdraw_shelf_change")
    assert entry.subject_label.startswith("B")
    assert entry.before["shelf_state"] == "off_shelf"


@pytest.mark.django_db(transaction=True)
def test_each_change_takes_effect_once_when_several_workers_look(world: World) -> None:
    schedule(*[world.make_sku(f"S{number}") for number in range(20)])
    let_time_pass()

    done = race(*[apply_due_shelf_changes] * 4)

    assert sum(done) == 20  # type: ignore[arg-type] # all of them numbers
    assert sum(len(skus) for _type, skus in told()) == 20
    assert AuditEntry.objects.filter(action="set_shelf_state").count() == 20


@pytest.mark.django_db(transaction=True)
def test_change_is_called_off_or_takes_effect_when_both_are_tried_at_once(world: World) -> None:
    for number in range(5):
        sku = world.make_sku(f"S{number}")
        schedule(sku)
        let_time_pass()
        ids = [ShelfChange.objects.get(sku=sku).pk]

        applied, withdrawn = race(
            apply_due_shelf_changes,
            lambda ids=ids: withdraw_shelf_changes(change_ids=ids, actor="operator"),  # type: ignore[misc] # bound
        )

        sku.refresh_from_db()
        assert (applied, withdrawn, sku.shelf_state) in {
            (1, 0, "off_shelf"), (0, 1, "on_shelf"),
        }  # fmt: skip


def test_later_stamp_stays_when_a_sku_is_put_on_the_shelf(shop: World) -> None:
    later = NOW + timedelta(seconds=1)
    for code, stamp in (("A", later), ("B", NOW - timedelta(seconds=1))):
        shop.make_sku(code)
        Sku.objects.filter(code=code).update(updated_at=stamp, shelf_state=OFF)

    set_shelf_state(sku_codes=["A", "B"], state=ON, actor="operator", now=NOW)

    assert states() == {"A": ON, "B": ON}
    assert dict(Sku.objects.values_list("code", "updated_at")) == {"A": later, "B": NOW}


def test_more_skus_than_a_statement_has_parameters_can_be_named(shop: World) -> None:
    sku = shop.make_sku("A")
    many = [sku.pk, *range(10**9, 10**9 + 66_000)]

    count = schedule_shelf_change(
        sku_ids=many, state=OFF, effective_at=clock.now() + timedelta(hours=1), actor="operator"
    )
    change = ShelfChange.objects.get()

    assert (count, change.sku_id) == (1, sku.pk)
    assert withdraw_shelf_changes(change_ids=[change.pk, *many[1:]], actor="operator") == 1
    assert not ShelfChange.objects.exists()
