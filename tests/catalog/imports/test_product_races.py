"""A long file of products beside others who work with the same SKUs."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.db import OperationalError, connection

from catalog.models import Category, PoolMembership, PriceChange, Product, Sku
from catalog.services.shelf import set_shelf_state
from openplatform.core import clock
from openplatform.imports.resources import ImportReport
from openplatform.imports.services.importing import CHUNK, import_file
from openplatform.messaging.models import Outbox
from tests.cast import World
from tests.catalog.imports.test_products import row
from tests.imports.files import Desk, write_csv
from tests.racing import PATIENCE_SECONDS, race

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = CHUNK + 200
# What an open transaction holds of the catalogue, besides the right to read it.
HELD = """
    SELECT relation::regclass::text, mode FROM pg_locks
    WHERE pid = pg_backend_pid() AND relation::regclass::text LIKE 'catalog%'
        AND mode <> 'AccessShareLock'
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """More rows than are read at a time; it says nothing of the shelf."""
    rows = [row(f"S{number}", sale_price="12", pools="pool") for number in range(ROWS)]
    return write_csv(tmp_path / "long.csv", rows)


def load(file: Path, on_progress: Callable[[int], None] | None = None) -> ImportReport:
    return import_file(resource="products", file=file, actor="operator", on_progress=on_progress)


def held_locks() -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(HELD)
        return list(cursor.fetchall())


def test_others_change_the_same_skus_while_the_file_is_read(world: World, file: Path) -> None:
    for number in range(3):
        world.make_sku(f"S{number}", price="10.00", in_pool=False)
    has_begun, may_go_on = Event(), Event()
    held: list[Any] = []

    def pause(_rows: int) -> None:
        held.extend(held_locks())
        has_begun.set()
        assert may_go_on.wait(timeout=PATIENCE_SECONDS)

    def take_off_the_shelf() -> None:
        assert has_begun.wait(timeout=PATIENCE_SECONDS)
        set_shelf_state(
            sku_codes=["S1"], state=Sku.ShelfState.OFF_SHELF, actor="other", now=clock.now()
        )
        assert not may_go_on.is_set()  # the import waits for this, not the other way round
        may_go_on.set()

    report, _nothing = race(lambda: load(file, pause), take_off_the_shelf)

    assert isinstance(report, ImportReport)
    assert held == []
    assert (report.created, report.updated) == (ROWS - 3, 3)
    sku = Sku.objects.get(code="S1")
    assert (sku.shelf_state, str(sku.sale_price)) == ("off_shelf", "12.00")


def test_one_of_two_imports_finds_nothing_to_do_when_they_run_at_once(
    world: World, file: Path
) -> None:
    reports = race(lambda: load(file), lambda: load(file))

    outcomes = {
        (report.created, report.updated, report.unchanged)
        for report in reports
        if isinstance(report, ImportReport)
    }
    assert outcomes == {(ROWS, 0, 0), (0, 0, ROWS)}
    assert Sku.objects.count() == PoolMembership.objects.count() == ROWS
    assert PriceChange.objects.count() == ROWS


def test_nothing_is_left_when_the_import_dies(world: World, file: Path) -> None:
    def die(rows: int) -> None:
        if rows == ROWS:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(OperationalError):
        load(file, die)
    connection.close()

    assert not Sku.objects.exists()
    assert not Product.objects.exists()
    assert Category.objects.count() == 1
    assert not Outbox.objects.exists()
    assert load(file).created == ROWS


def test_edit_during_the_writing_waits_and_is_not_lost(world: World, desk: Desk) -> None:
    """Two writers of one SKU, whichever comes first: both changes stand in the end."""
    for number in range(50):
        world.make_sku(f"S{number}", price="10.00", in_pool=False)
    rows = [row(f"S{number}", sale_price="12") for number in range(50)]

    report, moved = race(
        lambda: desk.load("products", *rows),
        lambda: set_shelf_state(
            sku_codes=[f"S{number}" for number in range(50)],
            state=Sku.ShelfState.OFF_SHELF,
            actor="other",
            now=clock.now(),
        ),
    )

    assert isinstance(report, ImportReport)
    assert isinstance(moved, list)
    assert report.updated == len(moved) == 50
    assert set(Sku.objects.values_list("shelf_state", "sale_price")) == {
        ("off_shelf", Decimal("12.00"))
    }
