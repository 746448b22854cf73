"""Where providers call us nobody comes in without a signature."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from openplatform.connectors.api.authentication import CallbackAuthentication
from tests.contract.endpoints import Endpoint, list_callbacks

ROOT = Path(__file__).parents[2]
CALLBACKS = list_callbacks()
each_callback = pytest.mark.parametrize("callback", CALLBACKS, ids=str)


def test_there_is_one() -> None:
    assert [str(callback) for callback in CALLBACKS] == [
        "POST /api/v1/callbacks/logistics/{provider}"
    ]


@each_callback
def test_callback_wants_a_signature_and_no_key(callback: Endpoint, db: None) -> None:
    path = callback.path.replace("{provider}", "nobody")

    answers = [
        Client().generic(method.upper(), path, headers=headers)
        for method in callback.methods
        for headers in ({}, {"Authorization": "Bearer op_something"})
    ]

    assert callback.view.authentication_classes == [CallbackAuthentication]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (401, "signature_missing")
    ] * 2


@each_callback
def test_callback_has_a_test_file(callback: Endpoint) -> None:
    name = f"test_{callback.name.replace('-', '_')}.py"

    assert (ROOT / "tests" / callback.app / "api" / name).is_file()
