"""Every pair of states: a run goes where the table says, and nowhere else."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from openplatform.core import clock
from openplatform.imports.errors import ImportStateConflict
from openplatform.imports.models import ImportRun
from openplatform.imports.services.transitions import move
from openplatform.imports.states import CONFIRMED, DUE, RUN_TRANSITIONS, RunStatus

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return User.objects.create_user("operator")


def fields_of(status: RunStatus, user: User) -> dict[str, Any]:
    """What a run of a status must have."""
    is_confirmed = status in CONFIRMED
    return {
        "due_at": clock.now() if status in DUE else None,
        "confirmed_by": user if is_confirmed else None,
        "confirmed_at": clock.now() if is_confirmed else None,
    }


def make_run(status: RunStatus, user: User) -> ImportRun:
    return ImportRun.objects.create(
        resource="categories", filename="a.csv", file="imports/a.csv", sha256="", size_bytes=1,
        language="en", user=user, status=status, **fields_of(status, user),
    )  # fmt: skip


@pytest.mark.parametrize(("start", "to"), list(itertools.product(RunStatus, RunStatus)))
def test_run_moves_when_the_table_says_so(start: RunStatus, to: RunStatus, user: User) -> None:
    run = make_run(start, user)

    if to in RUN_TRANSITIONS[start]:
        move(run, to=to, **fields_of(to, user))
        assert ImportRun.objects.get().status == to
    else:
        with pytest.raises(ImportStateConflict):
            move(run, to=to, **fields_of(to, user))
        assert ImportRun.objects.get().status == start


def test_run_stays_when_another_has_moved_it(user: User) -> None:
    run = make_run(RunStatus.CHECKED, user)
    ImportRun.objects.update(status=RunStatus.REFUSED)

    with pytest.raises(ImportStateConflict):
        move(run, to=RunStatus.IMPORTING, **fields_of(RunStatus.IMPORTING, user))

    assert ImportRun.objects.get().status == RunStatus.REFUSED


def test_run_stays_when_another_worker_has_taken_it(user: User) -> None:
    run = make_run(RunStatus.CHECKING, user)
    ImportRun.objects.update(claims=1)

    with pytest.raises(ImportStateConflict):
        move(run, to=RunStatus.CHECKED, **fields_of(RunStatus.CHECKED, user))

    assert ImportRun.objects.get().status == RunStatus.CHECKING


@pytest.mark.parametrize("status", RunStatus)
def test_database_refuses_what_no_state_allows(status: RunStatus, user: User) -> None:
    run = make_run(status, user)
    wrong_due = None if status in DUE else clock.now()

    with pytest.raises(IntegrityError), transaction.atomic():
        ImportRun.objects.filter(pk=run.pk).update(due_at=wrong_due)
    if status in CONFIRMED:
        with pytest.raises(IntegrityError), transaction.atomic():
            ImportRun.objects.filter(pk=run.pk).update(confirmed_by=None)

    assert ImportRun.objects.get().confirmed_by == (user if status in CONFIRMED else None)
