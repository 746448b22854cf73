from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.utils import translation

from openplatform.core import clock
from openplatform.core.errors import NotFound
from openplatform.core.json_text import to_json


def test_amounts_and_texts_have_the_form_of_the_contract_when_written() -> None:
    with translation.override("en"):
        text = to_json({"amount": Decimal("3.5"), "title": NotFound.title, "名": [1, None]})

    assert text.decode() == '{"amount":"3.50","title":"There is nothing here","名":[1,null]}'


@pytest.mark.parametrize("value", [Decimal("0.001"), object(), b"bytes"])
def test_refused_when_a_value_has_no_form(value: object) -> None:
    with pytest.raises(TypeError):
        to_json({"value": value})


def test_time_is_the_platforms_when_written() -> None:
    assert clock.to_text(datetime(2026, 1, 1, 16, 0, 0, 5, tzinfo=UTC)) == (
        "2026-01-02T00:00:00.000005+08:00"
    )
    assert clock.to_text(None) is None


def test_now_is_aware() -> None:
    assert clock.now().tzinfo is UTC
