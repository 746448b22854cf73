"""GET /aftersales."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoDbBlocker

from aftersales.models import Claim
from aftersales.states import ClaimStatus
from openplatform.core import clock
from openplatform.core.horizon import MARGIN_SECONDS
from tests.aftersales.acts import file, paid_part
from tests.aftersales.api.reading import refused
from tests.aftersales.conftest import fill_store
from tests.cast import Api, Merchant, World, make_merchant
from tests.staging import on_stage

T = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=1)
STEP = timedelta(minutes=10)


def numbers(body: dict[str, Any]) -> list[str]:
    return [claim["merchant_aftersale_no"] for claim in body["results"]]


def all_pages(merchant: Merchant, **parameters: Any) -> list[dict[str, Any]]:
    pages = [merchant.api.get("/aftersales", **parameters).json()]
    while pages[-1]["next"]:
        address = urlsplit(pages[-1]["next"])
        assert address.path == "/api/v1/aftersales"
        pages.append(merchant.api.get("/aftersales", **dict(parse_qsl(address.query))).json())
    return pages


@dataclass(frozen=True)
class Stage:
    """A merchant, another one, and two suborders of the first one."""

    merchant: Merchant
    stranger: Merchant
    parts: list[str]


@pytest.fixture(scope="module")
def stage(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Stage]:
    """Two suborders with claims: ``R1`` and ``R2`` on the first, ``R3``, cancelled, on the second;
    ten minutes apart, the last at ``T``.
    """
    with on_stage(django_db_blocker):
        world, merchant = World(), make_merchant("acme")
        world.open_pool_to(merchant)
        fill_store(world)
        first, second = (paid_part(merchant, number, [("A", 4)]) for number in ("M-1", "M-2"))
        for number, part in (("R1", first), ("R2", first), ("R3", second)):
            file(merchant, part, merchant_aftersale_no=number)
        last = Claim.objects.get(merchant_aftersale_no="R3").aftersale_no
        assert merchant.api.post(f"/aftersales/{last}/cancel").status_code == 200
        for number, time in (("R1", T - 2 * STEP), ("R2", T - STEP), ("R3", T)):
            claim = Claim.objects.filter(merchant_aftersale_no=number)
            claim.update(created_at=time, updated_at=time)
        yield Stage(merchant, make_merchant("stranger"), [first, second])


@pytest.fixture
def merchant(stage: Stage, db: None) -> Merchant:
    """Whose claims they are."""
    return stage.merchant


@pytest.fixture
def stranger(stage: Stage, db: None) -> Merchant:
    """Another merchant, who must see nothing of it."""
    return stage.stranger


@pytest.fixture
def parts(stage: Stage, db: None) -> list[str]:
    """The numbers of the two suborders."""
    return stage.parts


def test_newest_claim_comes_first_as_it_is_by_itself(parts: list[str], merchant: Merchant) -> None:
    body = merchant.api.get("/aftersales").json()

    assert (numbers(body), body["next"], "as_of" in body) == (["R3", "R2", "R1"], None, False)
    one = merchant.api.get(f"/aftersales/{body['results'][0]['aftersale_no']}").json()
    assert body["results"][0] == one


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"status": "cancelled"}, ["R3"]),
        ({"status": "submitted"}, ["R2", "R1"]),
        ({"merchant_aftersale_no": "R2"}, ["R2"]),
        ({"merchant_aftersale_no": "r2"}, []),
        ({"created_after": T - STEP}, ["R3", "R2"]),
        ({"created_before": T - STEP}, ["R1"]),
        ({"created_after": T - STEP, "created_before": T, "status": "submitted"}, ["R2"]),
        ({"updated_after": T - STEP}, ["R2", "R3"]),
        ({"updated_after": T - 2 * STEP, "status": "submitted"}, ["R1", "R2"]),
        ({"updated_after": T + STEP}, []),
    ],
)
def test_claims_are_filtered(
    parts: list[str], merchant: Merchant, parameters: dict[str, Any], found: list[str]
) -> None:
    asked = {
        name: clock.to_text(value) if isinstance(value, datetime) else value
        for name, value in parameters.items()
    }

    assert numbers(merchant.api.get("/aftersales", **asked).json()) == found


def test_claims_are_found_by_suborder_and_by_order(parts: list[str], merchant: Merchant) -> None:
    by_part = merchant.api.get("/aftersales", order_no=parts[0]).json()
    by_order = merchant.api.get("/aftersales", order_no=parts[0].removesuffix("-1")).json()

    assert numbers(by_part) == numbers(by_order) == ["R2", "R1"]


@pytest.mark.parametrize("parameters", [{}, {"updated_after": "2026-01-01T00:00:00Z"}])
def test_pages_follow_each_other(
    parts: list[str], merchant: Merchant, parameters: dict[str, str]
) -> None:
    whole = numbers(merchant.api.get("/aftersales", **parameters).json())

    pages = all_pages(merchant, limit=1, **parameters)

    assert [numbers(page) for page in pages] == [[number] for number in whole]


def test_claims_of_one_moment_are_each_on_one_page(parts: list[str], merchant: Merchant) -> None:
    Claim.objects.update(created_at=T)

    pages = all_pages(merchant, limit=1)

    assert [numbers(page) for page in pages] == [["R3"], ["R2"], ["R1"]]


def test_claim_is_stamped_no_earlier_than_the_one_before(
    parts: list[str], merchant: Merchant
) -> None:
    ahead = clock.now() + timedelta(minutes=5)  # by the clock of another web server
    Claim.objects.filter(merchant_aftersale_no="R3").update(created_at=ahead)

    file(merchant, parts[0], merchant_aftersale_no="R4")

    assert numbers(merchant.api.get("/aftersales").json())[:2] == ["R4", "R3"]


def test_next_updated_after_lies_before_every_write_still_open(
    parts: list[str], merchant: Merchant
) -> None:
    body = merchant.api.get("/aftersales", updated_after=clock.to_text(T)).json()

    as_of = clock.from_text(body["as_of"])
    assert as_of is not None
    assert as_of <= clock.now() - timedelta(seconds=MARGIN_SECONDS - 1)


def test_states_are_told_when_an_unknown_one_is_asked_for(merchant: Merchant) -> None:
    response = merchant.api.get("/aftersales", status="open")

    [fault] = response.json()["errors"]
    assert (fault["pointer"], fault["code"]) == ("?status", "field_invalid")
    assert fault["allowed"] == ClaimStatus.values


def test_stranger_sees_none_of_them(
    parts: list[str], merchant: Merchant, stranger: Merchant
) -> None:
    assert stranger.api.get("/aftersales").json() == {"results": [], "next": None}
    assert numbers(stranger.api.get("/aftersales", order_no=parts[0]).json()) == []


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({"state": "open"}, 400, "filter_not_allowed"),
        ({"status": "open"}, 422, "field_invalid"),
        ({"created_after": "yesterday"}, 422, "field_invalid"),
        ({"updated_after": "2026-01-01"}, 422, "field_invalid"),
        ({"order_no": ""}, 422, "field_invalid"),
        ({"order_no": "1\0"}, 422, "string_invalid"),
        ({"limit": "0"}, 422, "field_invalid"),
        ({"limit": "101"}, 422, "field_invalid"),
        ({"cursor": "abc"}, 400, "cursor_invalid"),
    ],
)
def test_parameter_is_refused(
    parts: list[str], merchant: Merchant, parameters: dict[str, str], status: int, code: str
) -> None:
    assert refused(merchant.api.get("/aftersales", **parameters))[:2] == (status, code)


def test_cursor_of_the_other_order_is_refused(parts: list[str], merchant: Merchant) -> None:
    following = merchant.api.get("/aftersales", limit=1).json()["next"]
    [cursor] = [value for name, value in parse_qsl(urlsplit(following).query) if name == "cursor"]

    response = merchant.api.get("/aftersales", cursor=cursor, updated_after="2026-01-01T00:00:00Z")

    assert refused(response)[:2] == (400, "cursor_invalid")


def test_claims_without_a_key_or_with_another_scope_are_refused(merchant: Merchant) -> None:
    assert Api().get("/aftersales").status_code == 401
    assert merchant.api_with("aftersales:write").get("/aftersales").status_code == 403


def test_statements_stay_the_same_whatever_the_size(parts: list[str], merchant: Merchant) -> None:
    merchant.api.get("/aftersales", limit=1)
    with CaptureQueriesContext(connection) as few:
        merchant.api.get("/aftersales", limit=1)

    with CaptureQueriesContext(connection) as many:
        merchant.api.get("/aftersales", limit=100)

    assert len(few) == len(many)
