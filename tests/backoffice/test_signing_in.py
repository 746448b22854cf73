"""The login page: too many wrong passwords, and what is kept of who signed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import structlog
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.test import Client
from structlog.testing import CapturingLogger

from openplatform.audit.models import AuditEntry
from openplatform.backoffice.services import signing_in
from openplatform.core.networks import TrustedProxies
from openplatform.core.statements import send
from openplatform.limits.models import Bucket

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"
RIGHT, WRONG = "correct horse battery", "wrong"
FULL = ["Too many failed attempts; try again in 2 minutes"]
INVALID = "Please enter the correct username and password for a staff account"

SignIn = Callable[..., Any]


@pytest.fixture(autouse=True)
def _fin1(db: None, settings: LazySettings) -> None:
    """Somebody who has a password, hashed in no time."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    User.objects.create_user("fin1", password=RIGHT, is_staff=True)


@pytest.fixture
def sign_in() -> SignIn:
    """Posts the login form from an address."""

    def post(username: str, password: str, address: str = "192.0.2.7") -> Any:
        return Client(headers={"Accept-Language": "en"}).post(
            LOGIN,
            {"username": username, "password": password, "next": "/admin/"},
            REMOTE_ADDR=address,
        )

    return post


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What is written to the log of sign-ins; tests are silent otherwise."""
    written: list[dict[str, Any]] = []

    def keep(_logger: Any, _method: str, event: Any) -> Any:
        written.append(dict(event))
        return event

    log = structlog.wrap_logger(
        CapturingLogger(), processors=[keep], wrapper_class=structlog.BoundLogger
    )
    monkeypatch.setattr(signing_in, "log", log)
    return written


def let_pass(seconds: int) -> None:
    """As if so much time had gone by."""
    send(
        "UPDATE limits_bucket SET empty_at = empty_at - make_interval(secs => %s) RETURNING name",
        [seconds],
    )


def errors_of(response: Any) -> list[str]:
    assert response.status_code == 200
    assert "_auth_user_id" not in response.client.session
    errors: list[str] = response.context["form"].non_field_errors()
    return list(errors)


def entries() -> list[tuple[str, str, str, str | None]]:
    found = AuditEntry.objects.order_by("id")
    return [(entry.action, entry.subject_label, entry.actor, entry.address) for entry in found]


def test_right_password_is_refused_when_too_many_were_wrong(sign_in: SignIn):
    wrong = [errors_of(sign_in("fin1", WRONG)) for _ in range(25)]

    assert [error[0].startswith(INVALID) for error in wrong] == [True] * 10 + [False] * 15
    assert wrong[10:] == [FULL] * 15
    assert errors_of(sign_in("fin1", RIGHT)) == FULL
    assert errors_of(sign_in("fin1", RIGHT, address="198.51.100.1")) == FULL


def test_right_password_opens_when_one_try_has_come_back(sign_in: SignIn):
    for _ in range(11):
        sign_in("fin1", WRONG)

    let_pass(91)

    assert sign_in("fin1", RIGHT).headers["Location"] == "/admin/"


def test_refusal_tells_nothing_when_nobody_bears_the_name(sign_in: SignIn):
    answers = [errors_of(sign_in("nobody", WRONG)) for _ in range(11)]

    assert answers[0][0].startswith(INVALID)
    assert answers[-1] == FULL


def test_name_counts_once_when_its_letters_are_written_in_other_ways(sign_in: SignIn):
    for number, name in enumerate(["fin1", "FIN1", "Fin1", "fIN1", "fin1 "] * 2):
        sign_in(name, WRONG, address=f"192.0.2.{number}")

    assert errors_of(sign_in("FiN1", WRONG, address="198.51.100.1")) == FULL


def test_address_is_refused_when_it_tries_one_password_on_many_names(sign_in: SignIn):
    for number in range(10):
        sign_in(f"user{number}", WRONG)

    assert errors_of(sign_in("fin1", RIGHT)) == FULL
    assert sign_in("fin1", RIGHT, address="198.51.100.1").status_code == 302


def test_network_is_refused_when_an_ipv6_caller_changes_its_address(sign_in: SignIn):
    for number in range(10):
        sign_in(f"user{number}", WRONG, address=f"2001:db8:0:1::{number + 1:x}")

    assert errors_of(sign_in("fin1", RIGHT, address="2001:db8:0:1:ffff::1")) == FULL
    assert sign_in("fin1", RIGHT, address="2001:db8:0:2::1").status_code == 302


def test_nobody_else_is_refused_when_the_callers_address_is_unknown(
    sign_in: SignIn, settings: LazySettings
):
    settings.TRUSTED_PROXIES = TrustedProxies.parse(["unix"])
    for number in range(12):
        sign_in(f"user{number}", WRONG, address="")

    assert sign_in("fin1", RIGHT, address="").status_code == 302
    assert not Bucket.objects.filter(name__startswith="sign_in_address").exists()


def test_address_keeps_its_failures_when_somebody_signs_in(sign_in: SignIn):
    User.objects.create_user("fin2", password=RIGHT, is_staff=True)
    for _ in range(9):
        sign_in("fin1", WRONG)

    assert sign_in("fin2", RIGHT).status_code == 302

    sign_in("fin2", WRONG)
    assert errors_of(sign_in("fin2", RIGHT)) == FULL


def test_name_begins_anew_when_somebody_signs_in(sign_in: SignIn):
    for number in range(9):
        sign_in("fin1", WRONG, address=f"192.0.2.{number}")
    assert sign_in("fin1", RIGHT).status_code == 302

    for number in range(9):
        sign_in("fin1", WRONG, address=f"192.0.2.{number + 20}")

    assert sign_in("fin1", RIGHT, address="198.51.100.1").status_code == 302


def test_tries_of_a_refused_address_do_not_count_for_the_name(sign_in: SignIn):
    for number in range(10):
        sign_in(f"user{number}", WRONG)

    for _ in range(20):
        sign_in("fin1", WRONG)

    assert not Bucket.objects.filter(name__startswith="sign_in_name").count() > 10
    assert sign_in("fin1", RIGHT, address="198.51.100.1").status_code == 302


def test_limit_is_the_one_that_was_set(sign_in: SignIn, settings: LazySettings):
    settings.RATE_LIMIT_SIGN_IN = 2
    sign_in("fin1", WRONG)
    sign_in("fin1", WRONG)

    assert errors_of(sign_in("fin1", RIGHT)) == ["Too many failed attempts; try again in 8 minutes"]


def test_nothing_is_counted_when_a_field_is_empty(sign_in: SignIn):
    for _ in range(12):
        sign_in("fin1", "")
        sign_in("", WRONG)

    assert not Bucket.objects.exists()
    assert entries() == []


def test_who_may_not_enter_counts_as_failed_when_the_password_is_right(sign_in: SignIn):
    User.objects.create_user("visitor", password=RIGHT)

    answers = [errors_of(sign_in("visitor", RIGHT)) for _ in range(11)]

    assert answers[9][0].startswith(INVALID)
    assert answers[10] == FULL


# What is kept


def test_trail_has_every_sign_in_and_failure_when_the_name_is_known(
    sign_in: SignIn, lines: list[dict[str, Any]]
):
    sign_in("fin1", WRONG)
    sign_in("fin1", RIGHT, address="198.51.100.1")

    assert entries() == [
        ("sign_in_failed", "fin1", "anonymous", "192.0.2.7"),
        ("sign_in", "fin1", "fin1", "198.51.100.1"),
    ]
    assert lines == [
        {"event": "sign_in_failed", "user": "fin1", "is_known": True},
        {"event": "sign_in", "user": "fin1"},
    ]


def test_trail_stops_growing_when_the_limit_is_reached(
    sign_in: SignIn, lines: list[dict[str, Any]]
):
    for _ in range(30):
        sign_in("fin1", WRONG)

    assert len(entries()) == 10
    assert lines[10:] == [{"event": "sign_in_refused", "limit": "sign_in_address"}] * 20


def test_log_shows_three_characters_when_nobody_bears_the_name(
    sign_in: SignIn, lines: list[dict[str, Any]]
):
    sign_in("my secret password", WRONG)

    assert entries() == []
    assert lines == [{"event": "sign_in_failed", "user": "my …", "is_known": False}]
    assert structlog.contextvars.get_contextvars()["address"] == "192.0.2.7"
