from __future__ import annotations

import pytest

from tests.aftersales.acts import make_reasons
from tests.aftersales.returning import goods_to_return
from tests.cast import World


@pytest.fixture
def store(shop: World) -> World:
    """What :func:`fill_store` makes."""
    fill_store(shop)
    return shop


def fill_store(shop: World) -> None:
    """Ten units each of ``A`` for 10.00 and ``B`` for 25.00, and reasons."""
    shop.make_sku("A", north=10)
    shop.make_sku("B", price="25.00", north=10)
    make_reasons()


@pytest.fixture
def goods(shop: World) -> World:
    """What :func:`goods_to_return` makes."""
    goods_to_return(shop)
    return shop
