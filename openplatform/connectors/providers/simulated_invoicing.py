"""The provider of e-invoices that the simulator plays (``manage.py logistics_simulator``).

We send ``POST /invoices`` with our key in ``X-Api-Key`` and

    {"number": "V260301…", "kind": "general", "currency": "CNY", "buyer": {…}, "lines": [{…}],
     "amount": "113.00", "tax": "13.00", "remark": "",
     "credits": {"code": "", "number": "…"} | null}

``number`` is ours: the same number again is the same invoice. The answer is

    {"number": "V260301…", "fiscal_code": "", "fiscal_number": "26310000000123456789",
     "issued_at": "2026-03-01T10:00:00+08:00", "pdf": "<base64>"}

``GET /invoices/{number}`` answers the same, 404 where nothing was issued. 422 with an ``error`` is
a refusal; any other status is a failure.
"""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from typing import Any

from django.utils.translation import gettext_lazy as _

from openplatform.connectors.errors import Outcome, ProviderFault
from openplatform.connectors.models import MAX_ERROR
from openplatform.connectors.providers.asking import ask, require_ok
from openplatform.connectors.providers.base import in_one_line
from openplatform.connectors.providers.invoicing import (
    InvoiceOrder,
    InvoiceProvider,
    InvoiceRefused,
    IssuedInvoice,
    require_sound,
)
from openplatform.core import clock, money
from openplatform.core.outgoing.client import HttpAnswer

BODY_LIMIT = 12 * 1024 * 1024  # bytes: a PDF as text
NOT_FOUND, UNPROCESSABLE = 404, 422


class SimulatedInvoicing(InvoiceProvider):
    """Talks to the simulator."""

    title = _("Simulator of invoices")

    def issue(self, order: InvoiceOrder) -> IssuedInvoice:
        answer = ask(self.access, "POST", "/invoices", body=_body_of(order), body_limit=BODY_LIMIT)
        if answer.status == UNPROCESSABLE:
            raise InvoiceRefused(_reason_of(answer.body), status_code=answer.status)
        return self._read(answer, order.our_no)

    def find(self, our_no: str) -> IssuedInvoice | None:
        answer = ask(self.access, "GET", f"/invoices/{our_no}", body_limit=BODY_LIMIT)
        return None if answer.status == NOT_FOUND else self._read(answer, our_no)

    @staticmethod
    def _read(answer: HttpAnswer, our_no: str) -> IssuedInvoice:
        status = answer.status
        require_ok(answer)
        try:
            value = json.loads(answer.body)
            issued_at = clock.from_text(value["issued_at"])
            if value["number"] != our_no or issued_at is None:
                raise ValueError
            issued = IssuedInvoice(
                fiscal_code=value["fiscal_code"],
                fiscal_number=value["fiscal_number"],
                issued_at=issued_at,
                pdf=base64.b64decode(value["pdf"], validate=True),
                status_code=status,
            )
            return require_sound(issued)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ProviderFault(
                Outcome.UNREADABLE, "not what was agreed", status_code=status
            ) from error


def _body_of(order: InvoiceOrder) -> bytes:
    credits = order.credits
    value = {
        "number": order.our_no,
        "kind": order.kind,
        "currency": order.currency,
        "buyer": asdict(order.buyer),
        "lines": [
            {
                "name": line.name,
                "unit": line.unit,
                "quantity": line.quantity,
                "price": money.to_text(line.unit_price),
                "rate": money.rate_to_text(line.tax_rate),
                "amount": money.to_text(line.amount),
                "tax": money.to_text(line.tax_amount),
            }
            for line in order.lines
        ],
        "amount": money.to_text(order.amount),
        "tax": money.to_text(order.tax_amount),
        "remark": order.remark,
        "credits": (
            None
            if credits is None
            else {"code": credits.fiscal_code, "number": credits.fiscal_number}
        ),
    }
    return json.dumps(value, ensure_ascii=False).encode()


def _reason_of(body: bytes) -> str:
    try:
        reason: Any = json.loads(body)["error"]
    except (ValueError, TypeError, KeyError, RecursionError):
        reason = ""
    return in_one_line(reason if isinstance(reason, str) else "", MAX_ERROR) or "no reason given"
