"""What all tests of a module look at, made once for them instead of once for each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.utils import translation
from pytest_django import DjangoDbBlocker


@contextmanager
def on_stage(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """For a fixture of a module's scope that asks for ``django_db_setup``: a transaction around
    those of the tests, each of which gives back what it changes.

    Objects are the same in every test: who changes one, or asks what became of its row, reads the
    row itself.
    """
    around = transaction.atomic()
    around._from_testcase = True  # type: ignore[attr-defined] # services may begin their own in it
    with django_db_blocker.unblock(), translation.override("en"), around:
        yield
        transaction.set_rollback(True)
