"""Messages of types that this version does not know wait for one that does, and stop nothing."""

from __future__ import annotations

import pytest

from openplatform.messaging.models import Outbox
from openplatform.messaging.services.sequencing import sequence_if_any, sequence_outbox
from tests.cast import Merchant, World
from tests.messaging.told import tell, tell_skus, told

pytestmark = pytest.mark.django_db(transaction=True)


def make_unknown(*subjects: str) -> None:
    """As a newer version of the program writes them."""
    for subject in subjects:
        Outbox.objects.create(
            type="moon.risen", subject=subject, partner_ids=[1], data={"skus": []}
        )


def test_unknown_types_stay_and_others_go_on(merchant: Merchant) -> None:
    make_unknown("moon:1", "moon:2")
    tell(merchant, n=1)

    assert sequence_if_any() == 1

    assert [data["n"] for _, _, data in told(merchant)] == [1]
    assert set(Outbox.objects.values_list("type", "subject")) == {
        ("moon.risen", "moon:1"),
        ("moon.risen", "moon:2"),
    }
    assert sequence_if_any() == 0


def test_later_messages_of_the_subject_wait_behind_an_unknown_one(merchant: Merchant) -> None:
    tell(merchant, subject="order:A", n=1)
    make_unknown("order:A")
    tell(merchant, subject="order:A", n=2)
    tell(merchant, subject="order:B", n=3)

    assert sequence_outbox() == 2
    assert sequence_outbox() == 0

    assert [data["n"] for _, _, data in told(merchant)] == [1, 3]
    Outbox.objects.filter(type="moon.risen").delete()  # the newer version has taken it
    assert sequence_outbox() == 1
    assert [data["n"] for _, _, data in told(merchant)] == [1, 3, 2]


def test_news_of_skus_do_not_wait_behind_unknown_ones(shop: World, merchant: Merchant) -> None:
    make_unknown("skus")
    tell_skus("pool.sku_added", ["A"], merchant)

    assert sequence_outbox() == 1
    assert Outbox.objects.values_list("type", flat=True).get() == "moon.risen"
