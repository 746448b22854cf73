from __future__ import annotations

from itertools import chain

import pytest
from django.db import connection

from openplatform.messaging.models import Message, MessageCursor, Outbox
from openplatform.messaging.services import sequencing
from openplatform.messaging.services.sequencing import sequence_outbox
from tests.cast import Merchant, World
from tests.messaging.told import tell, tell_skus, told


def test_each_partner_counts_from_one_when_messages_go_to_several(
    merchant: Merchant, stranger: Merchant
) -> None:
    tell(merchant, n=1)
    tell(stranger, n=2)
    tell(merchant, stranger, n=3)
    tell(merchant, n=4)

    written = sequence_outbox()

    assert written == 5
    assert [(sequence, data["n"]) for sequence, _, data in told(merchant)] == [
        (1, 1),
        (2, 3),
        (3, 4),
    ]
    assert [(sequence, data["n"]) for sequence, _, data in told(stranger)] == [(1, 2), (2, 3)]
    assert not Outbox.objects.exists()
    assert set(MessageCursor.objects.values_list("partner_id", "last_sequence")) == {
        (merchant.partner.pk, 3),
        (stranger.partner.pk, 2),
    }


def test_sequence_goes_on_without_a_gap_when_more_comes_later(merchant: Merchant) -> None:
    tell(merchant, n=1)
    tell(merchant, n=2)
    sequence_outbox()
    tell(merchant, n=3)

    assert sequence_outbox() == 1

    assert [(sequence, data["n"]) for sequence, _, data in told(merchant)] == [
        (1, 1),
        (2, 2),
        (3, 3),
    ]


def test_nothing_is_written_when_the_outbox_is_empty(merchant: Merchant) -> None:
    assert sequence_outbox() == 0

    assert not MessageCursor.objects.exists()


def test_row_is_done_with_when_nobody_is_to_hear_of_it(merchant: Merchant) -> None:
    tell(n=1)
    tell_skus("sku.on_shelf", ["UNKNOWN"])

    assert sequence_outbox() == 0

    assert not Outbox.objects.exists()
    assert told(merchant) == []


def test_message_is_complete_when_it_is_sequenced(merchant: Merchant) -> None:
    tell(merchant, subject="order:S-7", type="order.expired", order={"名": "张三", "lines": []})
    tell(merchant)

    sequence_outbox()

    first, second = Message.objects.order_by("sequence")
    assert (first.type, first.subject) == ("order.expired", "order:S-7")
    assert first.data == {"order": {"名": "张三", "lines": []}}
    assert first.message_id.startswith("msg_")
    assert first.message_id != second.message_id
    assert first.created_at <= second.created_at


def test_a_batch_at_a_time_is_taken_when_the_outbox_is_long(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencing, "BATCH", 2)
    for number in range(5):
        tell(merchant, n=number)

    assert [sequence_outbox() for _ in range(4)] == [2, 2, 1, 0]

    assert [data["n"] for _, _, data in told(merchant)] == [0, 1, 2, 3, 4]


def test_last_state_alone_is_told_when_a_sku_changes_to_and_fro(merchant: Merchant) -> None:
    tell_skus("sku.off_shelf", ["A", "B"], merchant)
    tell_skus("sku.on_shelf", ["A"], merchant)
    tell_skus("sku.off_shelf", ["C"], merchant)
    tell_skus("sku.off_shelf", ["A"], merchant)
    tell_skus("sku.on_shelf", ["B"], merchant)

    sequence_outbox()

    assert told(merchant) == [
        (1, "sku.off_shelf", {"skus": ["C", "A"]}),
        (2, "sku.on_shelf", {"skus": ["B"]}),
    ]


def test_groups_do_not_merge_when_they_tell_of_different_things(merchant: Merchant) -> None:
    tell_skus("pool.sku_added", ["A"], merchant)
    tell_skus("sku.on_shelf", ["A"], merchant)
    tell_skus("pool.sku_removed", ["A"], merchant)

    sequence_outbox()

    assert [(type_name, data["skus"]) for _, type_name, data in told(merchant)] == [
        ("sku.on_shelf", ["A"]),
        ("pool.sku_removed", ["A"]),
    ]


def test_states_do_not_merge_when_they_are_sequenced_apart(merchant: Merchant) -> None:
    tell_skus("sku.off_shelf", ["A"], merchant)
    sequence_outbox()
    tell_skus("sku.on_shelf", ["A"], merchant)
    sequence_outbox()

    assert [type_name for _, type_name, _ in told(merchant)] == ["sku.off_shelf", "sku.on_shelf"]


def test_parcels_hold_a_hundred_when_many_skus_change(merchant: Merchant) -> None:
    skus = [f"A-{number:03}" for number in range(250)]
    for start in range(0, 250, 10):
        tell_skus("sku.on_shelf", skus[start : start + 10], merchant)

    sequence_outbox()

    parcels = [data["skus"] for _, _, data in told(merchant)]
    assert [len(parcel) for parcel in parcels] == [100, 100, 50]
    assert list(chain.from_iterable(parcels)) == skus


def test_each_partner_hears_of_its_own_skus_when_the_audience_is_asked(
    world: World, merchant: Merchant, stranger: Merchant
) -> None:
    world.make_sku("A")
    world.make_sku("B", in_pool=False)
    world.open_pool_to(merchant)

    tell_skus("sku.on_shelf", ["A", "B", "NOBODY"])
    sequence_outbox()

    assert told(merchant) == [(1, "sku.on_shelf", {"skus": ["A"]})]
    assert told(stranger) == []


def test_audience_is_the_one_of_the_sequencing_when_sight_changes_in_between(
    world: World, merchant: Merchant, stranger: Merchant
) -> None:
    world.make_sku("A")
    world.open_pool_to(merchant)
    tell_skus("sku.on_shelf", ["A"])

    world.open_pool_to(stranger)
    sequence_outbox()

    assert told(merchant) == told(stranger) == [(1, "sku.on_shelf", {"skus": ["A"]})]


def test_receivers_stay_when_a_message_names_them(
    world: World, merchant: Merchant, stranger: Merchant
) -> None:
    world.make_sku("A")
    world.open_pool_to(merchant)

    tell_skus("pool.sku_removed", ["A"], stranger)
    sequence_outbox()

    assert told(merchant) == []
    assert told(stranger) == [(1, "pool.sku_removed", {"skus": ["A"]})]


def test_statements_do_not_grow_when_messages_do(merchant: Merchant, stranger: Merchant) -> None:
    from django.test.utils import CaptureQueriesContext

    for number in range(50):
        tell(merchant, stranger, n=number)

    with CaptureQueriesContext(connection) as queries:
        assert sequence_outbox() == 100

    statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    assert len(statements) == 4  # lock, take, advance, write


def test_batch_ends_when_it_names_many_skus(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencing, "MAX_CODES", 3)
    tell_skus("sku.off_shelf", ["A", "B"], merchant)
    tell_skus("sku.off_shelf", ["C", "D"], merchant)
    tell(merchant, n=1)
    tell_skus("sku.off_shelf", ["E"], merchant)
    tell(merchant, n=2)

    assert sequence_outbox() == 1
    assert Outbox.objects.count() == 3
    assert sequence_outbox() == 3
    assert not Outbox.objects.exists()


def test_batch_ends_when_it_is_large(merchant: Merchant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencing, "MAX_BYTES", 1000)
    for number in range(3):
        tell(merchant, n=number, text="".join(map(str, range(300))))

    assert [sequence_outbox() for _ in range(4)] == [2, 1, 0, 0]

    assert [data["n"] for _, _, data in told(merchant)] == [0, 1, 2]
