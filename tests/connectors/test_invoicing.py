"""Providers of invoices are called over real HTTP: counted, told, and understood or not."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from openplatform.connectors.errors import ProviderFault
from openplatform.connectors.models import Provider, ProviderCall
from openplatform.connectors.providers.invoicing import (
    Buyer,
    CreditedInvoice,
    InvoiceOrder,
    InvoiceRefused,
    OrderedLine,
)
from openplatform.connectors.services.health import get_interval, list_route
from openplatform.connectors.services.invoicing import (
    invoice_driver_of,
    is_awake,
    list_invoice_providers,
    order_invoice,
)
from openplatform.connectors.simulator.server import Simulator
from openplatform.core import clock
from openplatform.core.uploads.documents import clean_document
from tests.connectors.conftest import MakeProvider

ORDER = InvoiceOrder(
    our_no="V1",
    kind="general",
    currency="CNY",
    buyer=Buyer("company", "晨光贸易有限公司", "91330100799655058B", "", "", "", "", ""),
    lines=[
        OrderedLine(
            "商品", "件", 2, Decimal("10.00"), Decimal("0.13"), Decimal("20.00"), Decimal(2)
        )
    ],
    amount=Decimal("20.00"),
    tax_amount=Decimal("2.30"),
    remark="",
    credits=CreditedInvoice("", "26310000000123456789"),
)


@pytest.fixture
def provider(make_provider: MakeProvider) -> Provider:
    return make_provider("tax", service="invoicing", driver="simulated_invoicing")


def call(provider: Provider, *, order: InvoiceOrder = ORDER, is_repeated: bool = False) -> Any:
    return order_invoice(provider=provider, order=order, is_repeated=is_repeated, now=clock.now())


def test_invoice_comes_with_number_time_and_a_pdf_that_can_be_kept(provider: Provider) -> None:
    issued = call(provider)

    assert (issued.fiscal_code, len(issued.fiscal_number)) == ("", 20)
    assert clean_document(issued.pdf).extension == "pdf"
    row = ProviderCall.objects.get()
    assert (row.invoice_no, row.parcel, row.outcome, row.cost) == (
        "V1",
        None,
        "answered",
        Decimal("0.0500"),
    )
    assert row.milliseconds is not None


def test_same_number_is_the_same_invoice_however_often_it_is_ordered(
    provider: Provider, simulator: Simulator
) -> None:
    assert {call(provider).fiscal_number for _time in range(3)} == {
        call(provider, is_repeated=True).fiscal_number
    }
    assert simulator.desk.count() == 1
    assert simulator.calls == {"POST /invoices": 3, "GET /invoices": 1}


def test_it_is_ordered_when_it_is_repeated_and_nothing_was_issued(
    provider: Provider, simulator: Simulator
) -> None:
    call(provider, is_repeated=True)

    assert simulator.calls == {"POST /invoices": 1, "GET /invoices": 1}
    assert ProviderCall.objects.count() == 2


def test_refusal_has_the_providers_reason_and_costs_nothing(
    provider: Provider, simulator: Simulator
) -> None:
    simulator.invoice_mishap = "DENY"

    with pytest.raises(InvoiceRefused) as refused:
        call(provider)

    assert refused.value.text == "购买方名称与纳税人识别号不一致"
    row = ProviderCall.objects.get()
    assert (row.outcome, row.status_code, row.cost) == ("refused", 422, Decimal(0))
    provider.refresh_from_db()
    assert provider.failures_in_a_row == 0


@pytest.mark.parametrize(
    ("mishap", "outcome"),
    [("FAIL", "failed"), ("GARBAGE", "unreadable"), ("SLOW", "timed_out")],
)
def test_failure_is_told_and_counts_for_the_providers_health(
    provider: Provider, simulator: Simulator, mishap: str, outcome: str
) -> None:
    provider.timeout_seconds = 1
    simulator.invoice_mishap = mishap

    with pytest.raises(ProviderFault) as failed:
        call(provider)

    assert failed.value.outcome == outcome
    assert ProviderCall.objects.get().outcome == outcome
    provider.refresh_from_db()
    assert provider.failures_in_a_row == 1


def test_wrong_key_is_a_failure_and_not_a_refusal_of_the_invoice(
    make_provider: MakeProvider, simulator: Simulator
) -> None:
    provider = make_provider("tax", service="invoicing", driver="simulated_invoicing")
    simulator.api_key = "another"

    with pytest.raises(ProviderFault) as failed:
        call(provider)

    assert not isinstance(failed.value, InvoiceRefused)
    assert failed.value.status_code == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"fiscal_number": "26-31"},
        {"fiscal_number": 26},
        {"issued_at": "2019-01-01T00:00:00+08:00"},
        {"issued_at": "today"},
        {"number": "V2"},
        {"pdf": "not base64!"},
    ],
)
def test_answer_is_unreadable_when_something_in_it_cannot_be(
    provider: Provider, simulator: Simulator, wrong: dict[str, Any]
) -> None:
    call(provider)
    simulator.desk._issued["V1"].update(wrong)

    with pytest.raises(ProviderFault) as failed:
        call(provider, is_repeated=True)

    assert failed.value.outcome == "unreadable"


def test_nobody_is_called_when_the_provider_is_out_of_use(
    provider: Provider, simulator: Simulator
) -> None:
    Provider.objects.update(is_enabled=False)

    with pytest.raises(ProviderFault):
        call(provider)

    assert simulator.calls == {}
    assert not is_awake(provider.pk)


def test_providers_of_one_service_are_not_asked_for_the_other(
    provider: Provider, make_provider: MakeProvider
) -> None:
    assert (list_route(carrier_code="sf"), get_interval(carrier_code="sf")) == ([], None)
    parcels = make_provider("parcels")

    assert list_route(carrier_code="sf") == [parcels]
    assert list(list_invoice_providers()) == [provider]
    with pytest.raises(ProviderFault):
        invoice_driver_of(parcels)


def test_call_is_about_a_parcel_or_an_invoice(provider: Provider) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ProviderCall.objects.create(provider=provider, cost=0)


def test_order_that_is_not_what_was_agreed_is_answered_400(
    provider: Provider, simulator: Simulator
) -> None:
    with pytest.raises(ProviderFault) as failed:
        call(provider, order=replace(ORDER, our_no="V 1"))

    assert failed.value.status_code == 400
