"""``manage.py make_statements``."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from openplatform.core import clock
from reconciliation.management.commands.make_statements import read_period
from reconciliation.models import Statement
from reconciliation.selectors.periods import read_yesterday
from tests.cast import Merchant
from tests.reconciliation.past import at


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("make_statements", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.fixture(autouse=True)
def _since_march(merchant: Merchant, stranger: Merchant) -> None:
    at(merchant.partner, "2026-03-01 09:00")
    at(stranger.partner, "2026-04-01 09:00")


def test_statements_of_a_month_are_made_for_whoever_was_there(merchant: Merchant) -> None:
    results: list[dict[str, Any]] = json.loads(run("--period", "2026-03", "--json"))["results"]

    (document,) = results
    statement = Statement.objects.get()
    assert document["partner"] == "acme"
    assert document["statement_no"] == statement.statement_no
    assert (document["period_start"], document["period_end"]) == ("2026-03-01", "2026-03-31")
    assert document["closing"]["balance"] == "10000.00"
    assert (document["status"], document["error"]) == ("ready", None)
    assert len(document["files"]) == 6
    assert statement.requested_by.startswith("command:")


def test_again_gives_the_same_statements() -> None:
    first = run("--period", "2026-04")

    assert run("--period", "2026-04") == first
    assert Statement.objects.count() == 2
    assert first.splitlines()[0].startswith("acme  S")
    assert first.splitlines()[1].endswith("  ready  0.00  10000.00")


def test_one_partner_and_yesterday_when_nothing_else_is_said() -> None:
    run("--partner", "stranger", "--partner", "stranger")

    statement = Statement.objects.get()
    assert statement.partner.code == "stranger"
    assert statement.period_start == statement.period_end == read_yesterday()


def test_several_days_are_one_statement(merchant: Merchant) -> None:
    run("--period", "2026-03-01..2026-03-09", "--partner", "acme")

    statement = Statement.objects.get()
    assert f"{statement.period_start} {statement.period_end}" == "2026-03-01 2026-03-09"


def test_status_is_one_when_a_statement_could_not_be_made(merchant: Merchant) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "UPDATE accounts_ledgerentry SET amount = 1 WHERE partner_id = %s",
            [merchant.partner.pk],
        )
        cursor.execute("SET LOCAL session_replication_role = origin")

    with pytest.raises(CommandError, match="1 statement could not be made") as stopped:
        run("--period", "2026-02-15..2026-04-30")

    assert stopped.value.returncode == 1
    assert sorted(Statement.objects.values_list("partner__code", "status")) == [
        ("acme", "failed"), ("stranger", "ready"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--partner", "nobody"], "There is no partner nobody"),
        (["--period", "1999-12"], "/period_start"),
        (["--period", "9999-12"], "/period_start"),
        (["--period", "2026-03-09..2026-03-01"], "ends before it begins"),
        (["--period", f"{clock.now() + timedelta(days=2):%Y-%m-%d}"], "has not ended yet"),
    ],
)
def test_status_is_two_when_it_cannot_begin(arguments: list[str], text: str) -> None:
    with pytest.raises(CommandError, match=text) as stopped:
        run(*arguments)

    assert stopped.value.returncode == 2
    assert Statement.objects.count() == 0


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-02-30", "2026-3-1", "２０２６-03", "2026-03-01..", "x..y",
             "2026-03-01..2026-03", "../2026-03"],
)  # fmt: skip
def test_other_texts_are_no_period(text: str) -> None:
    with pytest.raises(CommandError):
        run("--period", text)

    assert Statement.objects.count() == 0


def test_period_is_read_as_it_is_written() -> None:
    assert [str(day) for day in read_period("2024-02")] == ["2024-02-01", "2024-02-29"]
    assert [str(day) for day in read_period("2026-10-03")] == ["2026-10-03"] * 2
