"""A copy that is kept by lists by update and by messages is, in the end, what the server has."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from tests.cast import World, make_merchant
from tests.catalog.following import Copy, Follower, read_everything
from tests.catalog.random_days import RandomDays
from tests.imports.files import Desk

ACTS = 1000
ROUNDS = 10
WAIT_SECONDS = 0.08  # until what was put off for some milliseconds is due


def changes_without_a_stamp(before: Copy, after: Copy) -> list[str]:
    """SKUs that differ, or came into sight, with a time of update that did not move."""
    return [
        code
        for code, document in after.details.items()
        if before.content_of(code) != after.content_of(code)
        and code in before.details
        and document["updated_at"] <= before.details[code]["updated_at"]
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", [3])
def test_client_ends_equal_to_the_server_after_any_series_of_changes(
    world: World, tmp_path: Path, seed: int
) -> None:
    merchants = [make_merchant("acme"), make_merchant("other")]
    days = RandomDays(world, merchants, Desk(tmp_path), seed)
    days.furnish(products=12)
    days.work()
    api = merchants[0].api
    follower, lister = Follower(api), Follower(api)
    lister.begin()

    def go_on() -> None:
        for _ in range(3):
            days.act()
        days.work()

    follower.begin(between=go_on)
    heard: Counter[str] = Counter()
    before = read_everything(api)
    for _ in range(ROUNDS):
        for _ in range(ACTS // ROUNDS):
            days.act()
        time.sleep(WAIT_SECONDS)
        days.work()
        heard.update(follower.catch_up())
        after = read_everything(api)
        assert follower.copy.contents() == after.contents()
        assert changes_without_a_stamp(before, after) == []
        before = after
    lister.list_again()

    assert days.refused < ACTS / 3
    assert {code: lister.copy.content_of(code) for code in before.details} == (
        before.contents()["skus"]
    )
    assert {
        "pool.sku_added", "pool.sku_removed", "sku.on_shelf", "sku.off_shelf", "sku.updated",
        "price.changed", "price.announced", "stock.changed", "category.changed",
    } <= set(heard)  # fmt: skip
