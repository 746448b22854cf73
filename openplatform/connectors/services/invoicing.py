"""Calls of providers of e-invoices: each is counted before it is tried, and told afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from openplatform.connectors.errors import Outcome, ProviderFault
from openplatform.connectors.models import Provider
from openplatform.connectors.providers import INVOICE_DRIVERS
from openplatform.connectors.providers.invoicing import (
    InvoiceOrder,
    InvoiceProvider,
    InvoiceRefused,
    IssuedInvoice,
)
from openplatform.connectors.services.calling import access_to, finish_call
from openplatform.connectors.services.health import note_failure, note_success
from openplatform.core.statements import send

START = """
    INSERT INTO connectors_providercall (provider_id, invoice_no, outcome, cost, error, created_at)
    SELECT provider.id, %(invoice_no)s, 'started',
        CASE WHEN provider.charging IN ('per_call', 'package') THEN provider.call_cost ELSE 0 END,
        '', clock_timestamp()
    FROM connectors_provider provider
    WHERE provider.id = %(provider_id)s AND provider.is_enabled
    RETURNING id
"""
INVOICING = Provider.Service.INVOICING

R = TypeVar("R")


def list_invoice_providers() -> QuerySet[Provider]:
    """Those in use through which invoices can be issued, the first choice first."""
    return Provider.objects.filter(service=INVOICING, is_enabled=True).order_by("priority", "code")


def is_awake(provider_id: int) -> bool:
    """Whether a provider is in use and does not rest after failures."""
    rested = Q(resting_until=None) | Q(resting_until__lte=Now())
    return list_invoice_providers().filter(rested, pk=provider_id).exists()


def order_invoice(
    *, provider: Provider, order: InvoiceOrder, is_repeated: bool, now: datetime
) -> IssuedInvoice:
    """What a provider issued, at once or when it was asked before. No transaction is open.

    :param is_repeated: it was asked before, and nobody knows what came of it: so it is asked
        whether it has issued it, first.
    :raises InvoiceRefused: when it will not issue it.
    :raises ProviderFault: when nobody knows whether it has.
    """
    driver = invoice_driver_of(provider)
    if is_repeated:
        found = _call(provider, order.our_no, lambda: driver.find(order.our_no), now=now)
        if found is not None:
            return found
    return _call(provider, order.our_no, lambda: driver.issue(order), now=now)


def invoice_driver_of(provider: Provider) -> InvoiceProvider:
    """How this provider is talked to.

    :raises ProviderFault: when its interface or its key is not to be had.
    """
    driver = INVOICE_DRIVERS.get(provider.driver)
    if driver is None:
        raise ProviderFault(Outcome.UNREACHABLE, "there is no such interface for invoices")
    return driver(access_to(provider))


def _call(provider: Provider, invoice_no: str, call: Callable[[], R], *, now: datetime) -> R:
    row = send(START, {"provider_id": provider.pk, "invoice_no": invoice_no}).row()
    if row is None:
        raise ProviderFault(Outcome.UNREACHABLE, "the provider is not in use")
    began = time.monotonic()
    fault: ProviderFault | None = None
    try:
        return call()
    except ProviderFault as error:
        fault = error
        raise
    finally:
        milliseconds = round((time.monotonic() - began) * 1000)
        _finish(row[0], provider, fault, milliseconds=milliseconds, now=now)


def _finish(
    call_id: int,
    provider: Provider,
    fault: ProviderFault | None,
    *,
    milliseconds: int,
    now: datetime,
) -> None:
    outcome = Outcome.ANSWERED if fault is None else fault.outcome
    finish_call(
        call_id,
        provider,
        outcome,
        status_code=None if fault is None else fault.status_code,
        milliseconds=milliseconds,
        error=fault.text if fault else "",
    )
    # A refusal is about the invoice; the provider is well.
    if fault is None or isinstance(fault, InvoiceRefused):
        note_success(provider_id=provider.pk, now=now)
    else:
        note_failure(provider_id=provider.pk, error=f"{outcome.value}: {fault.text}", now=now)
