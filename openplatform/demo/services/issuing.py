"""The platform's finance of the walkthrough, as far as invoices go."""

from __future__ import annotations

from django.contrib.auth.models import User

from openplatform.core import clock
from openplatform.demo.services.loading import USERS
from reconciliation.services.provider_issuing import send_to_provider

FINANCE = next(name for name, role in USERS if role == "finance")


def issue_through_provider(invoice_no: str) -> None:
    """Have the provider issue what was asked for, by the service that the back office calls."""
    send_to_provider(
        invoice_no=invoice_no,
        provider_id=None,
        user=User.objects.get(username=FINANCE),
        now=clock.now(),
        expected_version=None,
    )
