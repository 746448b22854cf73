"""The pages of the admin, and a house with as many rows as a day leaves behind."""

from __future__ import annotations

import csv
import io
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.urls import reverse

from accounts.services.keys import create_key
from catalog.models import Brand, PurchasePrice, SkuImage
from openplatform.core import clock
from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.messaging.services.sequencing import sequence_outbox
from orders.models import Suborder
from orders.services.shipping import ship_suborder
from tests.cast import Merchant

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
READ_ONLY = [model for model in MODELS if isinstance(admin.site._registry[model], ReadOnlyAdmin)]

# Whoever may add these finds a page that calls a service.
MADE_BY_SERVICES = ("accounts.apikey", "messaging.webhookendpoint")


def names_of(models: list[type[Model]]) -> list[str]:
    return [model._meta.label_lower for model in models]


def url_of(model: type[Model], page: str, *args: Any) -> str:
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}", args=args)


def csv_of(response: Any) -> list[list[str]]:
    """A CSV that was answered; with a byte order mark, as spreadsheets want it."""
    assert response.status_code == 200
    assert response.content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))


def fill_house(to_ship: Suborder, merchant: Merchant) -> Suborder:
    """Rows in as many tables as a day leaves behind, beside a suborder that waits for shipment."""
    sequence_outbox()
    ship_suborder(
        suborder_no=to_ship.order_no,
        carrier_code="sf",
        waybill_no="SF1",
        quantities={1: 1},
        shipped_at=clock.now(),
        actor="test",
        now=clock.now(),
    )
    sku = to_ship.lines.order_by("line_no")[0].sku
    Brand.objects.create(name="Brand")
    SkuImage.objects.create(sku=sku, url="https://example.com/a.png")
    PurchasePrice.objects.create(partner=merchant.partner, sku=sku, fixed_price="9.00")
    create_key(partner_code="acme", scopes=["orders:read"], actor="test")
    return to_ship
