"""Two people close a month at the same moment."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from accounts.models import BookCheck
from openplatform.audit.models import AuditEntry
from openplatform.core.errors import DomainError
from reconciliation.selectors.closing import get_standing
from reconciliation.selectors.months import Month
from reconciliation.selectors.summary import get_summary
from reconciliation.services.closing import close_month
from tests.racing import race

MARCH = Month(date(2026, 3, 1))


@pytest.mark.django_db(transaction=True)
def test_month_is_closed_once_when_four_close_it_at_the_same_time() -> None:
    moment = datetime.fromisoformat("2026-04-01T00:00:00+08:00")
    BookCheck.objects.create(
        as_of=moment, started_at=moment, seconds=0.1, is_ok=True, wallet_count=0,
        entry_count=0, difference_count=0, differences=[],
    )  # fmt: skip
    standing = get_standing(MARCH, summary=get_summary(first=MARCH.first, last=MARCH.last))

    outcomes = race(
        *(
            lambda actor=actor: close_month(standing=standing, note="", actor=actor)
            for actor in ("fin1", "fin2", "fin3", "fin4")
        )
    )

    refused = [str(outcome.detail) for outcome in outcomes if isinstance(outcome, DomainError)]
    assert refused == ["The month is closed already"] * 3
    assert AuditEntry.objects.filter(action="close_month", subject_id="2026-03").count() == 1
