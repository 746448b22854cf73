from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from itertools import chain

import pytest

from openplatform.core.locking import NotInTransaction, transactional
from openplatform.messaging.models import Message, Outbox
from openplatform.messaging.services.publishing import Draft, publish, publish_all, publish_skus
from tests.cast import Merchant, make_merchant
from tests.messaging.told import tell, told


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "step",
    [
        partial(publish, type="order.created", subject="order:S-1", data={}, partner_ids=[1]),
        partial(publish_skus, type="sku.on_shelf", skus=["A"]),
        partial(publish_all, []),
    ],
)
def test_refused_when_no_transaction_is_open(step: Callable[[], None]) -> None:
    with pytest.raises(NotInTransaction):
        step()

    assert not Outbox.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_message_goes_with_its_change_when_that_is_rolled_back() -> None:
    merchant = make_merchant("acme")

    @transactional
    def fail() -> None:
        publish(
            type="order.created", subject="order:S-1", data={}, partner_ids=[merchant.partner.pk]
        )
        raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert not Outbox.objects.exists()


@pytest.mark.parametrize("type_name", ["order.exploded", "", "ORDER.CREATED"])
def test_refused_when_nobody_registered_the_type(db: None, type_name: str) -> None:
    with pytest.raises(KeyError):
        publish(type=type_name, subject="order:S-1", data={}, partner_ids=[1])

    assert not Outbox.objects.exists()


def test_nothing_is_sequenced_when_a_message_is_published(merchant: Merchant) -> None:
    tell(merchant, amount=Decimal("3.5"))

    row = Outbox.objects.get()
    assert (row.type, row.subject) == ("order.created", "order:S-1")
    assert (row.partner_ids, row.data) == ([merchant.partner.pk], {"amount": "3.50"})
    assert told(merchant) == []
    assert not Message.objects.exists()


def test_drafts_keep_their_order_when_they_are_published_together(db: None) -> None:
    publish_all(
        [Draft("order.created", f"order:S-{number}", {}, [number]) for number in range(5)]
        + [Draft("sku.on_shelf", "skus", {"skus": ["A"]}, None)]
    )

    rows = Outbox.objects.order_by("id").values_list("subject", "partner_ids")
    assert list(rows) == [
        *((f"order:S-{number}", [number]) for number in range(5)),
        ("skus", None),
    ]


def test_skus_leave_in_parcels_of_a_hundred_when_there_are_many(db: None) -> None:
    skus = [f"A-{number}" for number in range(250)]

    publish_skus(type="sku.on_shelf", skus=skus)

    parcels = [row.data["skus"] for row in Outbox.objects.order_by("id")]
    assert [len(parcel) for parcel in parcels] == [100, 100, 50]
    assert list(chain.from_iterable(parcels)) == skus


def test_nothing_is_written_when_there_are_no_skus(db: None) -> None:
    publish_skus(type="sku.on_shelf", skus=[])

    assert not Outbox.objects.exists()
