"""What one entry of the trail holds, and that nobody changes it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import structlog
from django.db import IntegrityError, connection, transaction

from openplatform.audit.models import AuditEntry
from openplatform.audit.services.recording import (
    Change,
    record_change,
    record_changes,
    record_run,
)
from openplatform.core.locking import NotInTransaction
from tests.cast import Merchant

pytestmark = pytest.mark.django_db


def _record(merchant: Merchant, **fields: object) -> AuditEntry:
    known = set(AuditEntry.objects.values_list("pk", flat=True))
    arguments: dict[str, object] = {
        "action": "change", "subject": merchant.partner, "before": {}, "after": {"name": "x"},
        "actor": "boss", **fields,
    }  # fmt: skip
    record_change(**arguments)  # type: ignore[arg-type] # by name
    return AuditEntry.objects.exclude(pk__in=known).get()


def test_only_what_differs_is_kept_when_a_change_is_recorded(merchant: Merchant):
    entry = _record(
        merchant,
        before={"same": 1, "gone": "a", "price": Decimal("1.00"), "blank": None},
        after={"same": 1, "price": Decimal("2.50"), "new": ["x", 1], "blank": None},
        partner_id=merchant.partner.pk,
        reason="because",
    )

    assert entry.before == {"gone": "a", "price": "1.00"}
    assert entry.after == {"price": "2.50", "new": ["x", 1]}
    assert (entry.subject_type, entry.subject_id, entry.subject_label) == (
        "accounts.partner", str(merchant.partner.pk), "acme Merchant acme",
    )  # fmt: skip
    assert (entry.actor, entry.partner, entry.reason) == ("boss", merchant.partner, "because")


def test_times_are_text_when_they_are_recorded(merchant: Merchant):
    entry = _record(
        merchant,
        before={"at": None},
        after={"at": datetime(2026, 1, 30, 1, 30, tzinfo=UTC), "on": date(2026, 1, 30)},
    )

    assert entry.before == {"at": None}
    assert entry.after == {"at": "2026-01-30T09:30:00+08:00", "on": "2026-01-30"}


def test_request_is_named_when_there_is_one(merchant: Merchant):
    structlog.contextvars.clear_contextvars()  # requests of other tests leave theirs
    with structlog.contextvars.bound_contextvars(request_id="req-12345", address="2001:db8::1"):
        entry = _record(merchant)
    beside = _record(merchant)

    assert (entry.request_id, entry.address) == ("req-12345", "2001:db8::1")
    assert (beside.request_id, beside.address) == ("", None)


def test_texts_are_cut_when_they_are_too_long(merchant: Merchant):
    merchant.partner.name = "名" * 300

    entry = _record(merchant, reason="r" * 300, actor="a" * 200)

    assert (len(entry.subject_label), len(entry.reason), len(entry.actor)) == (200, 200, 150)


def test_each_row_has_an_entry_when_many_are_changed(merchant: Merchant, stranger: Merchant):
    before = AuditEntry.objects.count()

    record_changes(
        action="move",
        changes=[Change(row.partner, {"n": 1}, {"n": 2}) for row in (merchant, stranger)],
        actor="boss",
    )

    entries = AuditEntry.objects.filter(action="move").order_by("id")
    assert AuditEntry.objects.count() == before + 2
    assert [(entry.subject_id, entry.before, entry.after) for entry in entries] == [
        (str(merchant.partner.pk), {"n": 1}, {"n": 2}),
        (str(stranger.partner.pk), {"n": 1}, {"n": 2}),
    ]  # fmt: skip


def test_one_entry_stands_for_the_whole_when_something_is_run():
    record_run(
        action="import_file", kind="imports.stock", number="import-1", label="stock stock.csv",
        outcome={"rows": 3}, actor="command",
    )  # fmt: skip

    entry = AuditEntry.objects.get()
    assert (entry.subject_type, entry.subject_id, entry.subject_label) == (
        "imports.stock", "import-1", "stock stock.csv",
    )  # fmt: skip
    assert (entry.before, entry.after) == ({}, {"rows": 3})


@pytest.mark.parametrize("statement", ["UPDATE audit_auditentry SET actor = 'x'",
                                       "DELETE FROM audit_auditentry"])  # fmt: skip
def test_entry_stays_when_somebody_changes_it(statement: str, merchant: Merchant):
    entry = _record(merchant)

    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert AuditEntry.objects.get(pk=entry.pk).actor == "boss"


@pytest.mark.django_db(transaction=True)
def test_nothing_is_recorded_when_no_transaction_is_open(merchant: Merchant):
    count = AuditEntry.objects.count()

    with pytest.raises(NotInTransaction):
        _record(merchant)

    assert AuditEntry.objects.count() == count
