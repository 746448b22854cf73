"""What the worker does while a merchant's program runs."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event, Thread

import pytest
from django.db import connection

from openplatform.messaging.services.sequencing import sequence_outbox
from reconciliation.services.comparing import compare_due_file
from reconciliation.services.crediting import credit_refunded_orders
from reconciliation.services.making import make_due_statement
from reconciliation.services.provider_issuing import issue_due_invoice


@pytest.fixture
def reconciling(transactional_db: None) -> Iterator[None]:
    """The part that makes statements and reports, has invoices issued, and tells of them."""
    stopping = Event()

    def work() -> None:
        try:
            while not stopping.wait(0.05):
                for turn in (
                    make_due_statement,
                    compare_due_file,
                    issue_due_invoice,
                    credit_refunded_orders,
                    sequence_outbox,
                ):
                    turn()
        finally:
            connection.close()

    thread = Thread(target=work)
    thread.start()
    yield
    stopping.set()
    thread.join(30)
