from __future__ import annotations

import re
from datetime import UTC, datetime

from openplatform.core.identifiers import ALPHABET, dated_no, random_text


def test_letters_that_are_misread_are_left_out() -> None:
    assert len(set(ALPHABET)) == 32
    assert not set("ILOU") & set(ALPHABET)


def test_number_has_the_day_of_the_platform_when_it_is_another_one_in_utc() -> None:
    number = dated_no("S", datetime(2026, 12, 31, 16, 0, tzinfo=UTC))

    assert re.fullmatch("S270101[0-9A-HJKMNP-TV-Z]{10}", number)
    assert len(number) <= 24


def test_numbers_differ_when_many_are_made() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)

    assert len({dated_no("S", moment) for _ in range(10_000)}) == 10_000


def test_every_letter_comes_when_texts_are_long() -> None:
    text = random_text(5000)

    assert len(text) == 5000
    assert set(text) == set(ALPHABET)
