"""Who gains and loses sight of SKUs, and is told exactly that."""

from __future__ import annotations

import contextlib
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, transaction

from catalog.models import (
    Pool,
    PoolAssignment,
    PoolChange,
    PoolExclusion,
    PoolMembership,
    Sku,
    SkuStamp,
)
from catalog.services import curating, membership
from catalog.services.membership import add_memberships
from openplatform.audit.models import AuditEntry
from openplatform.core.locking import NotInTransaction
from openplatform.messaging.models import Outbox
from tests.cast import Merchant, World
from tests.catalog.pools import assign_partners, curate_pool

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def outbox() -> list[tuple[str, list[str], list[int] | None]]:
    """What waits for the sequencer; emptied."""
    drafts = [
        (draft.type, draft.data["skus"], draft.partner_ids)
        for draft in Outbox.objects.order_by("id")
    ]
    Outbox.objects.all().delete()
    return drafts


def curate(pool_code: str = "pool", **asked: Any) -> None:
    """An operator changes a pool."""
    curate_pool(pool_code=pool_code, **asked, actor="operator", now=NOW)


def history() -> list[tuple[str, str, str, str]]:
    """The pool changes, oldest first."""
    return list(
        PoolChange.objects.order_by("id").values_list("sku__code", "kind", "cause", "actor")
    )


def second_pool(*merchants: Merchant) -> Pool:
    """Another pool, open to these."""
    pool = Pool.objects.create(code="second", name="Second")
    for merchant in merchants:
        PoolAssignment.objects.create(pool=pool, partner=merchant.partner)
    return pool


def stamped(merchant: Merchant) -> set[str]:
    """The SKUs that changed just now for a merchant alone."""
    stamps = SkuStamp.objects.filter(partner=merchant.partner, changed_at=NOW)
    return set(stamps.values_list("sku__code", flat=True))


def test_partners_are_told_when_skus_join_and_leave(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    shop.make_sku("A", in_pool=False)
    shop.make_sku("B")

    curate(add=["A"], remove=["B"])

    assert outbox() == [
        ("pool.sku_removed", ["B"], [merchant.partner.pk]),
        ("pool.sku_added", ["A"], [merchant.partner.pk]),
    ]
    assert list(PoolMembership.objects.values_list("sku__code", "is_picked")) == [("A", True)]
    assert history() == [
        ("B", "removed", "picked", "operator"),
        ("A", "added", "picked", "operator"),
    ]
    assert stamped(merchant) == {"A"}
    entries = AuditEntry.objects.filter(action="curate_pool").order_by("pk")
    assert [entry.after for entry in entries] == [{"skus_taken_out": 1}, {"skus_taken_in": 1}]


def test_nobody_is_told_when_nothing_changes(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A")
    shop.make_sku("B", in_pool=False)

    curate(add=["A"], remove=["B"])

    assert outbox() == []
    assert history() == []
    assert not AuditEntry.objects.filter(action="curate_pool").exists()


def test_only_partners_without_another_pool_are_told(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    second_pool(merchant, stranger)
    shop.make_sku("A")
    shop.make_sku("B", in_pool=False)

    curate("second", add=["A", "B"])

    both = sorted([merchant.partner.pk, stranger.partner.pk])
    assert outbox() == [
        ("pool.sku_added", ["A"], [stranger.partner.pk]),
        ("pool.sku_added", ["B"], both),
    ]
    assert stamped(merchant) == {"B"}
    assert stamped(stranger) == {"A", "B"}


def test_skus_go_in_parcels_of_a_hundred(shop: World, merchant: Merchant) -> None:
    codes = [f"S{number:03}" for number in range(150)]
    for code in codes:
        shop.make_sku(code, in_pool=False)

    curate(add=codes)

    assert [skus for _type, skus, _partners in outbox()] == [codes[:100], codes[100:]]


def test_excluded_sku_stays_out_when_it_is_taken_in(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A")
    curate(exclude=["A"])
    outbox()

    curate(add=["A"])

    assert not PoolMembership.objects.exists()
    assert PoolExclusion.objects.get().actor == "operator"
    assert outbox() == []
    assert history() == [("A", "removed", "excluded", "operator")]


def test_sku_comes_in_again_when_it_is_readmitted_and_taken_in(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A")
    curate(exclude=["A"])
    outbox()

    curate(readmit=["A"], add=["A"])

    assert PoolMembership.objects.get().is_picked
    assert not PoolExclusion.objects.exists()
    assert outbox() == [("pool.sku_added", ["A"], [merchant.partner.pk])]
    entries = AuditEntry.objects.filter(action="curate_pool").order_by("pk")
    assert [entry.after for entry in entries][1:] == [{"skus_readmitted": 1}, {"skus_taken_in": 1}]


def test_siblings_are_told_to_those_who_still_see_them(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    red = shop.make_sku("RED")
    blue = shop.make_sku("BLUE", in_pool=False)
    green = shop.make_sku("GREEN", in_pool=False)
    Sku.objects.filter(pk__in=[blue.pk, green.pk]).update(product=red.product)
    second = second_pool(stranger)
    PoolMembership.objects.create(pool=second, sku=green)

    curate(add=["BLUE"])

    partner_id = merchant.partner.pk
    assert [(row.type, row.data, row.partner_ids) for row in Outbox.objects.order_by("id")] == [
        ("pool.sku_added", {"skus": ["BLUE"]}, [partner_id]),
        ("sku.updated", {"skus": ["RED"], "fields": ["siblings"]}, [partner_id]),
    ]
    assert stamped(merchant) == {"BLUE", "RED"}
    assert stamped(stranger) == set()
    Outbox.objects.all().delete()

    curate(remove=["BLUE"])

    assert [(row.type, row.data, row.partner_ids) for row in Outbox.objects.order_by("id")] == [
        ("pool.sku_removed", {"skus": ["BLUE"]}, [partner_id]),
        ("sku.updated", {"skus": ["RED"], "fields": ["siblings"]}, [partner_id]),
    ]


def test_no_sibling_is_told_when_the_whole_product_comes(shop: World, merchant: Merchant) -> None:
    red = shop.make_sku("RED", in_pool=False)
    blue = shop.make_sku("BLUE", in_pool=False)
    Sku.objects.filter(pk=blue.pk).update(product=red.product)

    curate(add=["RED", "BLUE"])

    assert outbox() == [("pool.sku_added", ["BLUE", "RED"], [merchant.partner.pk])]


def test_pool_is_open_to_exactly_the_partners_named(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    shop.make_sku("A")

    assign_partners(pool_code="pool", partner_codes=["stranger"], actor="operator", now=NOW)

    assert outbox() == [
        ("pool.sku_removed", ["A"], [merchant.partner.pk]),
        ("pool.sku_added", ["A"], [stranger.partner.pk]),
    ]
    assert list(PoolAssignment.objects.values_list("partner__code", flat=True)) == ["stranger"]
    assert stamped(stranger) == {"A"}


def join_by_file(pool: Pool, *skus: Sku) -> int:
    """SKUs join a pool as an import has them join."""
    return add_memberships(
        members={pool.pk: [sku.pk for sku in skus]},
        cause=PoolChange.Cause.FILE,
        actor="importer",
        now=NOW,
    )


def test_file_is_the_cause_when_an_import_takes_skus_in(shop: World, merchant: Merchant) -> None:
    known, new = shop.make_sku("A"), shop.make_sku("B", in_pool=False)
    barred = shop.make_sku("C", in_pool=False)
    PoolExclusion.objects.create(pool=shop.pool, sku=barred)

    with transaction.atomic():
        count = join_by_file(shop.pool, known, new, barred)

    assert count == 1
    assert history() == [("B", "added", "file", "importer")]
    assert outbox() == [("pool.sku_added", ["B"], [merchant.partner.pk])]


@pytest.mark.django_db(transaction=True)
def test_steps_refuse_to_run_outside_a_transaction(shop: World) -> None:
    sku = shop.make_sku("A", in_pool=False)

    with pytest.raises(NotInTransaction):
        join_by_file(shop.pool, sku)

    assert not PoolMembership.objects.exists()


def remove_from_both_pools_at_once(monkeypatch: Any) -> None:
    """Two operators take the SKU out of the two pools that show it, at the same time.

    Each waits for the other after its change, and again before it commits; in vain when the other
    one waits for its lock.
    """
    _meet_after(monkeypatch, "write_plan")
    _meet_after(monkeypatch, "record_curation")
    threads = [threading.Thread(target=remove, args=[code]) for code in ("pool", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _meet_after(monkeypatch: Any, name: str) -> None:
    original = getattr(curating, name)
    meeting = threading.Barrier(2)
    calls = threading.local()

    def call_then_meet(**arguments: Any) -> None:
        original(**arguments)
        calls.made = getattr(calls, "made", 0) + 1
        if calls.made == 1:
            with contextlib.suppress(threading.BrokenBarrierError):
                meeting.wait(timeout=1)

    monkeypatch.setattr(curating, name, call_then_meet)


def remove(pool_code: str) -> None:
    """One operator, on a connection of its own."""
    try:
        curate(pool_code, remove=["A"])
    finally:
        connection.close()


@pytest.fixture
def in_two_pools(shop: World, merchant: Merchant) -> None:
    PoolMembership.objects.create(pool=second_pool(merchant), sku=shop.make_sku("A"))


@pytest.mark.django_db(transaction=True)
def test_loss_of_sight_is_told_once_when_two_pools_drop_the_sku_at_once(
    in_two_pools: None, merchant: Merchant, monkeypatch: Any
) -> None:
    remove_from_both_pools_at_once(monkeypatch)

    assert not PoolMembership.objects.exists()
    assert outbox() == [("pool.sku_removed", ["A"], [merchant.partner.pk])]


@pytest.mark.django_db(transaction=True)
def test_loss_of_sight_would_go_untold_without_the_lock(
    in_two_pools: None, monkeypatch: Any
) -> None:
    monkeypatch.setattr(membership, "lock_pools", lambda: None)

    remove_from_both_pools_at_once(monkeypatch)

    assert not PoolMembership.objects.exists()
    assert outbox() == []


def test_change_and_message_go_together_when_it_is_rolled_back(
    shop: World, merchant: Merchant
) -> None:
    sku = shop.make_sku("A", in_pool=False)

    with transaction.atomic():
        join_by_file(shop.pool, sku)
        transaction.set_rollback(True)

    assert not PoolMembership.objects.exists()
    assert outbox() == []
    assert history() == []
