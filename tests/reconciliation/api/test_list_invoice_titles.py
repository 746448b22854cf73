from __future__ import annotations

from typing import Any

import pytest

from reconciliation.services.titles import retire_title
from tests.aftersales.api.reading import refused
from tests.cast import Api, Merchant
from tests.reconciliation.api.invoices import add_title
from tests.reconciliation.api.rows import all_pages, count_statements


@pytest.fixture
def titles(merchant: Merchant, stranger: Merchant) -> list[str]:
    """``A 公司``, ``B 公司``, which is out of use, and ``C 公司``; a stranger has one, too."""
    add_title(stranger, name="D 公司")
    ids = [add_title(merchant, name=f"{letter} 公司") for letter in "ABC"]
    retire_title(title_id=ids[1], actor="clerk")
    return ids


def names(body: dict[str, Any]) -> list[str]:
    return [title["name"] for title in body["results"]]


def test_titles_in_use_are_listed_the_newest_first(titles: list[str], merchant: Merchant) -> None:
    body = merchant.api.get("/invoice-titles").json()

    assert (names(body), body["next"]) == (["C 公司", "A 公司"], None)
    assert [title["title_id"] for title in body["results"]] == [titles[2], titles[0]]


def test_pages_follow_each_other(titles: list[str], merchant: Merchant) -> None:
    pages = all_pages(merchant, "/invoice-titles", limit=1)

    assert [names(page) for page in pages] == [["C 公司"], ["A 公司"]]


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({"kind": "company"}, 400, "filter_not_allowed"),
        ({"name__contains": "A"}, 400, "filter_not_allowed"),
        ({"limit": "101"}, 422, "field_invalid"),
        ({"cursor": "x"}, 400, "cursor_invalid"),
    ],
)
def test_refused_when_a_parameter_cannot_be_read(
    merchant: Merchant, parameters: dict[str, str], status: int, code: str
) -> None:
    assert refused(merchant.api.get("/invoice-titles", **parameters))[:2] == (status, code)


def test_one_statement_is_sent_however_many_titles_there_are(
    titles: list[str], merchant: Merchant
) -> None:
    assert count_statements(merchant, "/invoice-titles", limit=1) == 1
    assert count_statements(merchant, "/invoice-titles") == 1


def test_refused_when_the_key_opens_other_things_only(merchant: Merchant) -> None:
    response = merchant.api_with("statements:read").get("/invoice-titles")

    assert refused(response)[:2] == (403, "scope_missing")


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    assert Api().get("/invoice-titles").json()["code"] == "key_missing"
