"""Who gains and loses sight of SKUs, and is told exactly that."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import pytest
from django.db import connection, transaction

from catalog.models import Pool, PoolAssignment, PoolMembership
from catalog.services import membership
from catalog.services.membership import assign_partners, curate_pool, remove_skus
from openplatform.core.errors import NotFound, Refusal
from openplatform.core.locking import NotInTransaction
from openplatform.messaging.models import Outbox
from tests.cast import Merchant, World


def outbox() -> list[tuple[str, list[str], list[int] | None]]:
    """What waits for the sequencer; emptied."""
    drafts = [
        (draft.type, draft.data["skus"], draft.partner_ids)
        for draft in Outbox.objects.order_by("id")
    ]
    Outbox.objects.all().delete()
    return drafts


def test_partners_are_told_when_skus_join_and_leave(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    shop.make_sku("A", in_pool=False)
    shop.make_sku("B")

    curate_pool(pool_code="pool", add=["A"], remove=["B"], actor="operator")

    assert outbox() == [
        ("pool.sku_removed", ["B"], [merchant.partner.pk]),
        ("pool.sku_added", ["A"], [merchant.partner.pk]),
    ]
    assert list(PoolMembership.objects.values_list("sku__code", flat=True)) == ["A"]


def test_nobody_is_told_when_nothing_changes(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A")
    shop.make_sku("B", in_pool=False)

    curate_pool(pool_code="pool", add=["A"], remove=["B"], actor="operator")

    assert outbox() == []


def test_only_partners_without_another_pool_are_told(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    second = Pool.objects.create(code="second", name="Second")
    PoolAssignment.objects.create(pool=second, partner=merchant.partner)
    PoolAssignment.objects.create(pool=second, partner=stranger.partner)
    shop.make_sku("A")
    shop.make_sku("B", in_pool=False)

    curate_pool(pool_code="second", add=["A", "B"], actor="operator")

    both = sorted([merchant.partner.pk, stranger.partner.pk])
    assert outbox() == [
        ("pool.sku_added", ["A"], [stranger.partner.pk]),
        ("pool.sku_added", ["B"], both),
    ]


def test_skus_go_in_parcels_of_a_hundred(shop: World, merchant: Merchant) -> None:
    codes = [f"S{number:03}" for number in range(150)]
    for code in codes:
        shop.make_sku(code, in_pool=False)

    curate_pool(pool_code="pool", add=codes, actor="operator")

    assert [skus for _type, skus, _partners in outbox()] == [codes[:100], codes[100:]]


def test_nothing_changes_when_a_sku_or_pool_is_unknown(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A")

    with pytest.raises(Refusal) as refused:
        curate_pool(pool_code="pool", add=["X"], remove=["A", "Y"], actor="operator")
    with pytest.raises(NotFound):
        curate_pool(pool_code="nowhere", remove=["A"], actor="operator")

    assert [fault.pointer for fault in refused.value.faults] == ["/add/0", "/remove/1"]
    assert PoolMembership.objects.count() == 1
    assert outbox() == []


def test_pool_is_open_to_exactly_the_partners_named(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    shop.make_sku("A")

    assign_partners(pool_code="pool", partner_codes=["stranger"], actor="operator")

    assert outbox() == [
        ("pool.sku_removed", ["A"], [merchant.partner.pk]),
        ("pool.sku_added", ["A"], [stranger.partner.pk]),
    ]
    assert list(PoolAssignment.objects.values_list("partner__code", flat=True)) == ["stranger"]


def test_nothing_changes_when_a_partner_is_unknown(shop: World, merchant: Merchant) -> None:
    with pytest.raises(Refusal):
        assign_partners(pool_code="pool", partner_codes=["nobody"], actor="operator")

    assert list(PoolAssignment.objects.values_list("partner__code", flat=True)) == ["acme"]


@pytest.mark.django_db(transaction=True)
def test_steps_refuse_to_run_outside_a_transaction(shop: World) -> None:
    sku = shop.make_sku("A")

    with pytest.raises(NotInTransaction):
        remove_skus(pool=shop.pool, skus=[sku])

    assert PoolMembership.objects.count() == 1


def remove_from_both_pools_at_once(monkeypatch: Any) -> None:
    """Two operators take the SKU out of the two pools that show it, at the same time.

    Each waits for the other after its change, and again before it commits; in vain when the other
    one waits for its lock.
    """
    _meet_after(monkeypatch, "_delete_memberships")
    _meet_after(monkeypatch, "_publish")
    threads = [threading.Thread(target=remove, args=[code]) for code in ("pool", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _meet_after(monkeypatch: Any, name: str) -> None:
    original = getattr(membership, name)
    meeting = threading.Barrier(2)

    def call_then_meet(*arguments: Any) -> None:
        original(*arguments)
        with contextlib.suppress(threading.BrokenBarrierError):
            meeting.wait(timeout=1)

    monkeypatch.setattr(membership, name, call_then_meet)


def remove(pool_code: str) -> None:
    """One operator, on a connection of its own."""
    try:
        curate_pool(pool_code=pool_code, remove=["A"], actor="operator")
    finally:
        connection.close()


@pytest.fixture
def in_two_pools(shop: World, merchant: Merchant) -> None:
    second = Pool.objects.create(code="second", name="Second")
    PoolAssignment.objects.create(pool=second, partner=merchant.partner)
    PoolMembership.objects.create(pool=second, sku=shop.make_sku("A"))


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
    sku = shop.make_sku("A")

    with transaction.atomic():
        remove_skus(pool=shop.pool, skus=[sku])
        transaction.set_rollback(True)

    assert PoolMembership.objects.count() == 1
    assert outbox() == []
