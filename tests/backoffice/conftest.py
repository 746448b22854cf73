"""Staff, and a shop with an order that waits for shipment."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.backends.base import VALID_KEY_CHARS
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from django.utils.crypto import get_random_string

from orders.models import Suborder
from tests.cast import Merchant, World, order_body
from tests.rows import give_keys, insert

Staff = Callable[..., Client]


@pytest.fixture
def staff(db: None) -> Staff:
    """Makes a client that is logged in with the permissions named (``app.codename``)."""

    def make(*permissions: str, username: str = "operator", is_superuser: bool = False) -> Client:
        user = User(
            username=username,
            password=make_password(None),
            is_staff=True,
            is_superuser=is_superuser,
            last_login=timezone.now(),
        )
        give_keys(user)
        contents = SessionStore()
        contents[SESSION_KEY] = str(user.pk)
        contents[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        contents[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session = Session(
            session_key=get_random_string(32, VALID_KEY_CHARS),
            session_data=contents.encode(dict(contents.items())),
            expire_date=contents.get_expiry_date(),
        )
        insert(
            user,
            *(
                User.user_permissions.through(user_id=user.pk, permission_id=permission_id(name))
                for name in dict.fromkeys(permissions)
            ),
            session,
        )
        client = Client(headers={"Accept-Language": "en"})
        client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
        return client

    return make


@functools.cache  # permissions belong to the migrations
def permission_id(name: str) -> int:
    """The key of the row of ``app.codename``."""
    app, _dot, codename = name.partition(".")
    return Permission.objects.get(content_type__app_label=app, codename=codename).pk


@pytest.fixture
def boss(staff: Staff) -> Client:
    """Somebody who may do everything."""
    return staff(username="boss", is_superuser=True)


@pytest.fixture
def to_ship(shop: World, merchant: Merchant) -> Suborder:
    """A paid suborder: three of A, two of B, in the northern warehouse."""
    return order_to_ship(shop, merchant)


def order_to_ship(shop: World, merchant: Merchant) -> Suborder:
    """What :func:`to_ship` is."""
    shop.make_sku("A", price="10.00", north=50)
    shop.make_sku("B", price="20.00", north=50)
    placed = merchant.api.post("/orders", order_body(items=[("A", 3), ("B", 2)]))
    assert placed.status_code == 201, placed.content
    order_no = placed.json()["order_no"]
    assert merchant.api.post(f"/orders/{order_no}/confirm").status_code == 200
    return Suborder.objects.get()
