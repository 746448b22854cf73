"""Every page of the admin opens when there are rows; one that only shows them takes none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db.models import Model
from django.test import Client
from pytest_django import DjangoDbBlocker

from tests.backoffice.conftest import order_to_ship
from tests.backoffice.pages import MADE_BY_SERVICES, MODELS, READ_ONLY, fill_house, names_of, url_of
from tests.cast import World, make_merchant
from tests.staging import on_stage


@pytest.fixture(scope="module")
def full_house(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Rows in as many tables as a day leaves behind."""
    with on_stage(django_db_blocker):
        world, merchant = World(), make_merchant("acme")
        world.open_pool_to(merchant)
        fill_house(order_to_ship(world, merchant), merchant)
        yield


@pytest.mark.parametrize("model", MODELS, ids=names_of(MODELS))
def test_list_and_change_pages_open_when_there_are_rows(
    model: type[Model], full_house: None, boss: Client
):
    listed = boss.get(url_of(model, "changelist"))

    assert listed.status_code == 200
    row = model._default_manager.order_by("pk").first()
    if row is not None:
        assert boss.get(url_of(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("model", READ_ONLY, ids=names_of(READ_ONLY))
def test_nothing_is_written_when_a_read_only_page_is_posted(
    model: type[Model], full_house: None, boss: Client
):
    row = model._default_manager.order_by("pk").first()
    count = model._default_manager.count()

    if row is not None:
        assert boss.post(url_of(model, "change", row.pk), {"_save": "1"}).status_code == 403
        assert boss.post(url_of(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    if model._meta.label_lower not in MADE_BY_SERVICES:
        assert boss.post(url_of(model, "add"), {"_save": "1"}).status_code == 403
    assert model._default_manager.count() == count
