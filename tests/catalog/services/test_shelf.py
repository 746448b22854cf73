from __future__ import annotations

from datetime import UTC, datetime

import pytest

from catalog.models import Sku
from catalog.services.shelf import set_shelf_state
from openplatform.core.errors import Refusal
from openplatform.messaging.models import Outbox
from tests.cast import World

NOW = datetime(2030, 1, 1, tzinfo=UTC)
OFF = Sku.ShelfState.OFF_SHELF


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


def test_nothing_is_told_when_all_are_there_already(world: World) -> None:
    world.make_sku("A", shelf_state="off_shelf")

    assert set_shelf_state(sku_codes=["A"], state=OFF, actor="operator", now=NOW) == []
    assert not Outbox.objects.exists()


def test_nothing_moves_when_a_sku_is_unknown(world: World) -> None:
    world.make_sku("A")

    with pytest.raises(Refusal) as refused:
        set_shelf_state(sku_codes=["A", "X"], state=OFF, actor="operator", now=NOW)

    assert [fault.pointer for fault in refused.value.faults] == ["/skus/1"]
    assert Sku.objects.get().shelf_state == "on_shelf"
    assert not Outbox.objects.exists()
