"""Lists sent as arrays come out as they went in."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DataError

from openplatform.core.statements import send

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("bigint", [1, -2, 2**63 - 1]),
        ("bigint", [1, None, 3]),
        ("boolean", [True, False]),
        ("text", ["a", "", " ", "null", "NULL", "{}", "a,b", "张三", "\n\t", "'", "%s"]),
        ("text", ['"', "b"]),
        ("text", ["a", '","']),
        ("text", ["\\", "b"]),
        ("text", ['a\\","b', "c"]),
        ("text", ["a", None]),
        ("bytea", [b"", b"\x00\xff", b'\\"{},']),
        ("bytea", [b"a", None]),
        ("text", []),
    ],
)
def test_list_is_the_same_array_when_it_is_sent(kind: str, values: list[Any]) -> None:
    [(sent,)] = send(f"SELECT %(values)s::{kind}[]", {"values": values}).rows()

    assert sent == values


def test_refused_when_a_text_of_a_list_has_a_nul() -> None:
    with pytest.raises(DataError):
        send("SELECT %s::text[]", [["a\x00b"]]).rows()


def test_refused_when_a_number_of_a_list_is_too_large() -> None:
    with pytest.raises(DataError):
        send("SELECT %s::bigint[]", [[2**63]]).rows()
