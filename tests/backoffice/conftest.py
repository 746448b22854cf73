"""Staff, and a shop with an order that waits for shipment."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from orders.models import Suborder
from tests.cast import Merchant, World, order_body

Staff = Callable[..., Client]


@pytest.fixture
def staff(db: None) -> Staff:
    """Makes a client that is logged in with the permissions named (``app.codename``)."""

    def make(*permissions: str, username: str = "operator", is_superuser: bool = False) -> Client:
        user = User.objects.create_user(username, is_staff=True, is_superuser=is_superuser)
        for name in permissions:
            app, _dot, codename = name.partition(".")
            user.user_permissions.add(
                Permission.objects.get(content_type__app_label=app, codename=codename)
            )
        client = Client(headers={"Accept-Language": "en"})
        client.force_login(user)
        return client

    return make


@pytest.fixture
def boss(staff: Staff) -> Client:
    """Somebody who may do everything."""
    return staff(username="boss", is_superuser=True)


@pytest.fixture
def to_ship(shop: World, merchant: Merchant) -> Suborder:
    """A paid suborder: three of A, two of B, in the northern warehouse."""
    shop.make_sku("A", price="10.00", north=50)
    shop.make_sku("B", price="20.00", north=50)
    placed = merchant.api.post("/orders", order_body(items=[("A", 3), ("B", 2)]))
    assert placed.status_code == 201, placed.content
    order_no = placed.json()["order_no"]
    assert merchant.api.post(f"/orders/{order_no}/confirm").status_code == 200
    return Suborder.objects.get()
