"""One statement asked for a hundred times at once."""

from __future__ import annotations

from typing import Any

import pytest

from openplatform.audit.models import AuditEntry
from openplatform.messaging.models import Outbox
from reconciliation.models import Statement, StatementFile
from reconciliation.services.making import make_due_statement
from reconciliation.states import PaperStatus
from tests.cast import make_merchant
from tests.racing import race

MARCH = {"period_start": "2026-03-01", "period_end": "2026-03-31"}


@pytest.mark.django_db(transaction=True)
def test_one_job_and_one_set_of_files_when_it_is_asked_for_a_hundred_times_at_once() -> None:
    merchant = make_merchant("racer")

    answers: list[Any] = race(*[lambda: merchant.api.post("/statements", MARCH)] * 100)
    made = race(*[make_due_statement] * 4)

    assert {answer.status_code for answer in answers} == {202}
    statement = Statement.objects.get()
    assert {answer.json()["statement_no"] for answer in answers} == {statement.statement_no}
    assert sorted(made) == [0, 0, 0, 1]  # type: ignore[type-var] # no exceptions, or it differs
    assert (statement.status, statement.claims) == (PaperStatus.READY, 1)
    assert StatementFile.objects.filter(statement=statement).count() == 6
    assert AuditEntry.objects.filter(action="order_statement").count() == 1
    assert Outbox.objects.filter(type="statement.ready").count() == 1
