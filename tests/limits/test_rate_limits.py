"""What a caller sees of its limits; row 20 of the bad input."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.api.authentication import KEYS
from accounts.models import ApiKey, Partner
from catalog.models import Stock
from openplatform.core.statements import send
from openplatform.limits.models import Bucket
from orders.models import Order
from tests.cast import Api, Merchant, World, openapi_document, order_body

pytestmark = pytest.mark.django_db


def let_pass(seconds: float) -> None:
    """As if so much time had gone by."""
    from openplatform.limits.api.limiter import REFUSALS

    REFUSALS.clear()
    send(
        "UPDATE limits_bucket SET empty_at = empty_at - make_interval(secs => %s) RETURNING name",
        [seconds],
    )


def limits_of(answer: Any) -> tuple[str, str]:
    return answer.headers["RateLimit-Policy"], answer.headers["RateLimit"]


def assert_limited(answer: Any, policy: str, limit: int, retry_after: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert answer.headers["Retry-After"] == retry_after
    assert answer.headers["RateLimit"] == f'"{policy}";r=0;t={retry_after}'
    assert [(fault["policy"], fault["limit"]) for fault in answer.json()["errors"]] == [
        (policy, limit)
    ]


def test_headers_tell_what_is_left_when_requests_pass(
    merchant: Merchant, settings: LazySettings
) -> None:
    settings.RATE_LIMIT_KEY, settings.RATE_LIMIT_PARTNER = 12, 30
    policy = '"key";q=12;w=60, "partner";q=30;w=60'

    answers = [merchant.api.get("/key") for _ in range(3)]
    let_pass(10)
    answers.append(merchant.api.get("/key"))

    assert [answer.status_code for answer in answers] == [200] * 4
    assert [limits_of(answer) for answer in answers] == [
        (policy, '"key";r=11;t=5, "partner";r=29;t=2'),
        (policy, '"key";r=10;t=10, "partner";r=28;t=4'),
        (policy, '"key";r=9;t=15, "partner";r=27;t=6'),
        (policy, '"key";r=10;t=10, "partner";r=29;t=2'),
    ]


def test_limits_of_the_platform_hold_when_nothing_is_agreed(merchant: Merchant) -> None:
    answer = merchant.api.get("/key")

    assert limits_of(answer)[0] == '"key";q=1000000;w=60, "partner";q=1000000;w=60'


def test_agreed_limits_hold_when_key_and_partner_have_their_own(merchant: Merchant) -> None:
    ApiKey.objects.update(requests_per_minute=3)
    Partner.objects.update(requests_per_minute=2)

    answers = [merchant.api.get("/key") for _ in range(3)]

    assert limits_of(answers[1]) == (
        '"key";q=3;w=60, "partner";q=2;w=60',
        '"key";r=1;t=40, "partner";r=0;t=30',
    )
    assert_limited(answers[2], "partner", 2, "30")


def test_request_is_refused_when_the_key_has_used_up_its_limit(
    merchant: Merchant, settings: LazySettings
) -> None:
    settings.RATE_LIMIT_KEY = 3

    answers = [merchant.api.get("/key") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert limits_of(answers[2])[1].startswith('"key";r=0;t=20, ')
    assert limits_of(answers[3])[0] == '"key";q=3;w=60, "partner";q=1000000;w=60'
    assert_limited(answers[3], "key", 3, "20")
    let_pass(19)
    assert_limited(merchant.api.get("/key"), "key", 3, "1")
    let_pass(1)
    assert merchant.api.get("/key").status_code == 200
    assert_limited(merchant.api.get("/key"), "key", 3, "20")


def test_request_passes_when_retry_after_is_honoured(
    merchant: Merchant, settings: LazySettings
) -> None:
    settings.RATE_LIMIT_KEY = 60
    merchant.api.get("/key")
    let_pass(-59)  # as if it had called sixty times at once
    refused = merchant.api.get("/key")
    assert_limited(refused, "key", 60, "1")

    time.sleep(int(refused.headers["Retry-After"]))

    assert merchant.api.get("/key").status_code == 200


def test_limit_of_the_partner_holds_when_it_calls_with_two_keys(
    merchant: Merchant, settings: LazySettings
) -> None:
    settings.RATE_LIMIT_KEY, settings.RATE_LIMIT_PARTNER = 4, 6
    other = merchant.api_with()

    passed = [api.get("/key").status_code for api in (merchant.api, other) * 3]

    assert passed == [200] * 6
    assert_limited(merchant.api.get("/key"), "partner", 6, "10")
    assert_limited(other.get("/key"), "partner", 6, "10")


def test_partner_keeps_its_budget_when_one_key_is_refused(
    merchant: Merchant, settings: LazySettings
) -> None:
    settings.RATE_LIMIT_KEY, settings.RATE_LIMIT_PARTNER = 2, 4
    other = merchant.api_with()

    greedy = [merchant.api.get("/key").status_code for _ in range(20)]

    assert greedy == [200] * 2 + [429] * 18
    assert [other.get("/key").status_code for _ in range(3)] == [200, 200, 429]


def test_stranger_is_served_when_a_merchant_is_refused(
    merchant: Merchant, stranger: Merchant, settings: LazySettings
) -> None:
    settings.RATE_LIMIT_KEY = settings.RATE_LIMIT_PARTNER = 2

    assert [merchant.api.get("/key").status_code for _ in range(3)] == [200, 200, 429]

    answer = stranger.api.get("/key")
    assert (answer.status_code, answer.headers["RateLimit"]) == (
        200,
        '"key";r=1;t=30, "partner";r=1;t=30',
    )


def test_nothing_is_placed_when_the_request_is_refused(
    shop: World, merchant: Merchant, settings: LazySettings
) -> None:
    settings.RATE_LIMIT_KEY = 1
    shop.make_sku("A", north=5)
    merchant.api.get("/key")

    answer = merchant.api.post("/orders", order_body(items=[("A", 1)]))

    assert_limited(answer, "key", 1, "60")
    assert Order.objects.count() == 0
    assert Stock.objects.get().reserved == 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/orders", 403),  # not with this key
        ("DELETE", "/key", 405),
        ("GET", "/key?nonsense=1", 400),
    ],
)
def test_request_counts_when_it_is_refused_for_another_reason(
    merchant: Merchant, settings: LazySettings, method: str, path: str, status: int
) -> None:
    settings.RATE_LIMIT_KEY = 2
    api = merchant.api_with()

    answers = [api.request(method, path) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [status, status, 429]
    assert answers[0].headers["RateLimit"].startswith('"key";r=1;t=30, ')


def test_request_counts_when_the_view_fails(merchant: Merchant, settings: LazySettings) -> None:
    openapi_document()  # made while the platform's URLs are in place
    settings.ROOT_URLCONF = "tests.core.sample_urls"
    settings.RATE_LIMIT_KEY = 2
    client = Client(raise_request_exception=False)

    answers = [client.get("/api/v1/fail/bug", headers=merchant.api.headers) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [500, 500, 429]
    assert answers[1].headers["RateLimit"].startswith('"key";r=0;t=30, ')


def test_no_limits_are_told_when_the_caller_is_not_known(
    merchant: Merchant, settings: LazySettings
) -> None:
    settings.RATE_LIMIT_KEY = 1

    answers = [Api(key).get("/key") for key in (None, "op_nobody", f"{merchant.key}X")]

    assert [answer.status_code for answer in answers] == [401] * 3
    assert [name for answer in answers for name in answer.headers if "RateLimit" in name] == []
    assert Bucket.objects.count() == 0


def test_guessing_learns_nothing_when_too_many_were_not_found(
    shop: World, merchant: Merchant, settings: LazySettings
) -> None:
    settings.RATE_LIMIT_MISSING = 3
    shop.make_sku("A", north=5)
    order_no = merchant.api.post("/orders", order_body(items=[("A", 1)])).json()["order_no"]
    other = merchant.api_with("orders:read")

    guesses = [merchant.api.get(f"/orders/S{number}") for number in range(3)]

    assert [answer.status_code for answer in guesses] == [404] * 3
    policies, left = limits_of(guesses[2])
    assert policies == '"key";q=1000000;w=60, "partner";q=1000000;w=60, "missing";q=3;w=60'
    assert left.endswith(', "missing";r=1;t=40')
    assert_limited(merchant.api.get("/orders/S4"), "missing", 3, "20")
    assert_limited(merchant.api.get(f"/orders/{order_no}"), "missing", 3, "20")
    assert_limited(merchant.api.post(f"/orders/{order_no}/confirm"), "missing", 3, "20")
    assert Order.objects.get().status == "pending_payment"
    assert merchant.api.get("/orders").status_code == 200  # lists and new orders go on
    placed = merchant.api.post("/orders", order_body("M-2", items=[("A", 1)]))
    assert placed.status_code == 201
    assert other.get(f"/orders/{order_no}").status_code == 200  # each key guesses for itself
    let_pass(20)
    assert merchant.api.get(f"/orders/{order_no}").status_code == 200
    assert merchant.api.get("/orders/S5").status_code == 404
    assert_limited(merchant.api.get(f"/orders/{order_no}"), "missing", 3, "20")


def test_look_ups_go_on_when_what_is_asked_for_exists(
    shop: World, merchant: Merchant, settings: LazySettings
) -> None:
    settings.RATE_LIMIT_MISSING = 1
    shop.make_sku("A")

    answers = [merchant.api.get("/catalog/skus/A") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert limits_of(answers[2])[1].endswith('"missing";r=1;t=0')
    assert not Bucket.objects.filter(name__startswith="missing:").exists()


def test_a_lookup_adds_one_query_when_the_key_is_warm(
    merchant: Merchant, settings: LazySettings, django_assert_num_queries: Any
) -> None:
    openapi_document()
    settings.ROOT_URLCONF = "tests.core.sample_urls"
    client = Client(raise_request_exception=False)

    def ask() -> Any:  # a view without a query of its own
        return client.get("/api/v1/fail/several", headers=merchant.api.headers)

    ask()
    with django_assert_num_queries(2):  # the limits, and the 404
        assert ask().status_code == 404
    with django_assert_num_queries(1):
        body = client.post(
            "/api/v1/echo", b"{}", content_type="application/json", headers=merchant.api.headers
        )
    assert body.status_code == 200


def test_refusals_ask_the_database_once_when_they_come_in_a_flood(
    merchant: Merchant, settings: LazySettings, django_assert_num_queries: Any
) -> None:
    settings.RATE_LIMIT_KEY = 1
    merchant.api.get("/key")

    with django_assert_num_queries(2):  # charged in vain, and looked up for how long
        refused = merchant.api.get("/key")
    with django_assert_num_queries(0):
        answers = [merchant.api.get("/key") for _ in range(10)]

    assert_limited(refused, "key", 1, "60")
    for answer in answers:
        assert_limited(answer, "key", 1, "60")


def test_request_passes_when_the_limit_is_raised_during_a_refusal(merchant: Merchant) -> None:
    ApiKey.objects.update(requests_per_minute=1)
    assert merchant.api.get("/key").status_code == 200
    assert_limited(merchant.api.get("/key"), "key", 1, "60")

    ApiKey.objects.update(requests_per_minute=6000)
    KEYS.clear()  # a second later, in every process
    time.sleep(0.05)  # a full bucket leaks, at the new rate

    assert merchant.api.get("/key").status_code == 200


def test_refusal_is_told_in_the_callers_language(
    merchant: Merchant, settings: LazySettings
) -> None:
    settings.RATE_LIMIT_KEY = 1
    merchant.api.get("/key")

    answer = merchant.api.get("/key", headers={"Accept-Language": "en"})

    assert answer.json()["title"] == "Too many requests; wait before the next one"
