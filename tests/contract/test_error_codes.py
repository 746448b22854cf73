"""Every error code has a status of the contract, a title in both languages and a page."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.util import find_spec

import pytest
from django.apps import apps
from django.test import Client
from django.utils import translation

from openplatform.core.errors import CODES, DomainError

for config in apps.get_app_configs():
    if config.module and find_spec(f"{config.name}.errors"):
        import_module(f"{config.name}.errors")

STATUSES = {400, 401, 402, 403, 404, 405, 406, 409, 410, 413, 415, 422, 429, 500, 503}
ERRORS = [error for error in CODES.values() if not error.__module__.startswith("tests.")]
each_error = pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)


@each_error
def test_code_and_status_have_the_form_of_the_contract(error: type[DomainError]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", error.code)
    assert error.status in STATUSES


@each_error
def test_title_is_told_in_english_and_in_chinese(error: type[DomainError]) -> None:
    with translation.override("en"):
        english = str(error.title)
    with translation.override("zh-hans"):
        chinese = str(error.title)

    assert english.isascii()
    assert re.search("[\u4e00-\u9fff]", chinese)


@each_error
def test_the_address_in_the_problem_is_a_page(error: type[DomainError], client: Client) -> None:
    answer = client.get(f"/docs/errors/{error.code}")

    assert answer.status_code == 200
    assert error.code in answer.content.decode()


def test_an_unknown_code_has_no_page(client: Client) -> None:
    assert client.get("/docs/errors/no_such_code").status_code == 404
