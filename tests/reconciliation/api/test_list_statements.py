from __future__ import annotations

from typing import Any

import pytest

from reconciliation.models import Statement, StatementFile
from reconciliation.states import PaperStatus
from tests.aftersales.api.reading import refused
from tests.cast import Api, Merchant
from tests.reconciliation.api.rows import add_statement, all_pages, count_statements


@pytest.fixture
def statements(merchant: Merchant, stranger: Merchant) -> list[Statement]:
    """Of January, of 1 February, of all February, which is being made, and of two weeks, which
    failed; a stranger has one, too.
    """
    add_statement(stranger.partner, "2026-02-01", "2026-02-28")
    return [
        add_statement(merchant.partner, "2026-01-01", "2026-01-31"),
        add_statement(merchant.partner, "2026-02-01", "2026-02-01"),
        add_statement(merchant.partner, "2026-02-01", "2026-02-28", status=PaperStatus.PREPARING),
        add_statement(merchant.partner, "2026-02-15", "2026-02-28", status=PaperStatus.FAILED),
    ]


def periods(body: dict[str, Any]) -> list[str]:
    return [f"{one['period_start'][5:]}..{one['period_end'][5:]}" for one in body["results"]]


JANUARY, DAY, FEBRUARY, WEEKS = "01-01..01-31", "02-01..02-01", "02-01..02-28", "02-15..02-28"


def test_newest_statement_comes_first_as_it_is_by_itself(
    statements: list[Statement], merchant: Merchant
) -> None:
    body = merchant.api.get("/statements").json()

    assert (periods(body), body["next"]) == ([WEEKS, FEBRUARY, DAY, JANUARY], None)
    for row, statement in zip(body["results"], reversed(statements), strict=True):
        assert row == merchant.api.get(f"/statements/{statement.statement_no}").json()


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"status": "ready"}, [DAY, JANUARY]),
        ({"status": "preparing"}, [FEBRUARY]),
        ({"status": "failed"}, [WEEKS]),
        ({"kind": "month"}, [FEBRUARY, JANUARY]),
        ({"kind": "day"}, [DAY]),
        ({"kind": "other"}, [WEEKS]),
        ({"period_start_after": "2026-02-01"}, [WEEKS, FEBRUARY, DAY]),
        ({"period_start_before": "2026-02-01"}, [JANUARY]),
        ({"period_start_after": "2026-01-02", "period_start_before": "2026-02-15"},
         [FEBRUARY, DAY]),
        ({"period_start_after": "2026-02-01", "kind": "month", "status": "ready"}, []),
    ],
)  # fmt: skip
def test_statements_are_filtered(
    statements: list[Statement], merchant: Merchant, parameters: dict[str, str], found: list[str]
) -> None:
    assert periods(merchant.api.get("/statements", **parameters).json()) == found


def test_pages_follow_each_other_while_more_are_made(
    statements: list[Statement], merchant: Merchant
) -> None:
    first = merchant.api.get("/statements", limit=2).json()
    add_statement(merchant.partner, "2026-03-01", "2026-03-01")

    pages = all_pages(merchant, "/statements", limit=2)

    assert periods(first) == [WEEKS, FEBRUARY]
    assert [periods(page) for page in pages] == [
        ["03-01..03-01", WEEKS],
        [FEBRUARY, DAY],
        [JANUARY],
    ]
    following = merchant.api.client.get(
        first["next"].partition("//")[2].partition("/")[2].join(["/", ""]),
        headers=merchant.api.headers,
    )
    assert periods(following.json()) == [DAY, JANUARY]


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({"status": "made"}, 422, "field_invalid"),
        ({"kind": "year"}, 422, "field_invalid"),
        ({"period_start_after": "2026-02-30"}, 422, "field_invalid"),
        ({"period_start_after": "2026-2-1"}, 422, "field_invalid"),
        ({"period_start_after": "2026-W06-1"}, 422, "field_invalid"),
        ({"period_start_after": "２０２６-02-01"}, 422, "field_invalid"),
        ({"period_start_after": "0001-01-01"}, 422, "field_invalid"),
        ({"period_start_before": ""}, 422, "field_invalid"),
        ({"period_start": "2026-02-01"}, 400, "filter_not_allowed"),
        ({"period_start__gte": "2026-02-01"}, 400, "filter_not_allowed"),
        ({"ordering": "partner"}, 400, "filter_not_allowed"),
        ({"limit": "1000000000"}, 422, "field_invalid"),
        ({"cursor": "WzFd:forged"}, 400, "cursor_invalid"),
    ],
)
def test_refused_when_a_parameter_cannot_be_read(
    merchant: Merchant, parameters: dict[str, str], status: int, code: str
) -> None:
    assert refused(merchant.api.get("/statements", **parameters))[:2] == (status, code)


def test_two_statements_are_sent_however_many_there_are(
    statements: list[Statement], merchant: Merchant
) -> None:
    for number, statement in enumerate(statements):
        StatementFile.objects.create(
            statement=statement,
            format="csv",
            language="en",
            file=f"statements/2026/03/{number:026}.csv",
            sha256="0" * 64,
            size_bytes=1,
        )

    assert count_statements(merchant, "/statements", limit=1) == 2
    assert count_statements(merchant, "/statements") == 2


def test_refused_when_the_key_opens_other_things_only(merchant: Merchant) -> None:
    response = merchant.api_with("account:read", "statements:write").get("/statements")

    assert refused(response)[:2] == (403, "scope_missing")


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    assert Api().get("/statements").json()["code"] == "key_missing"
