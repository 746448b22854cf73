from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from openplatform.core.environment import (
    read_bool,
    read_int,
    read_list,
    read_path,
    read_text,
    require,
)

NAME = "OPENPLATFORM_SAMPLE"


@pytest.fixture
def variable(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without the sample variable."""
    monkeypatch.delenv(NAME, raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(text, True) for text in ("1", "true", "YES", " on ")],
        *[(text, False) for text in ("0", "false", "No", "off", "", "  ")],
    ],
)
def test_truth_is_read_when_it_is_a_word_for_it(
    variable: pytest.MonkeyPatch, text: str, value: bool
) -> None:
    variable.setenv(NAME, text)

    assert read_bool(NAME) is value


@pytest.mark.parametrize("text", ["2", "yess", "None", "真"])
def test_truth_is_refused_when_it_is_another_word(variable: pytest.MonkeyPatch, text: str) -> None:
    variable.setenv(NAME, text)

    with pytest.raises(ImproperlyConfigured, match=f"{NAME} must be 1 or 0"):
        read_bool(NAME)


@pytest.mark.parametrize("text", ["", "8000x", "1.5", "0x10"])
def test_number_is_refused_when_it_is_not_whole(variable: pytest.MonkeyPatch, text: str) -> None:
    variable.setenv(NAME, text)

    with pytest.raises(ImproperlyConfigured, match="must be a whole number"):
        read_int(NAME, 8000)


def test_defaults_count_when_a_variable_is_missing(variable: pytest.MonkeyPatch) -> None:
    assert read_text(NAME, "x") == "x"
    assert read_int(NAME, 8000) == 8000
    assert read_bool(NAME, default=True) is True
    assert read_list(NAME) == []
    assert read_path(NAME, Path("/somewhere")) == Path("/somewhere")


def test_values_are_trimmed_when_they_have_blanks(variable: pytest.MonkeyPatch) -> None:
    variable.setenv(NAME, " a, b ,,c ")

    assert read_text(NAME) == "a, b ,,c"
    assert read_list(NAME) == ["a", "b", "c"]


def test_path_is_absolute_when_it_is_given_otherwise(variable: pytest.MonkeyPatch) -> None:
    variable.setenv(NAME, "~/data/../place")

    assert read_path(NAME, Path()) == Path.home().resolve() / "place"


@pytest.mark.parametrize("text", [None, "", "  "])
def test_start_is_refused_when_a_required_variable_is_missing(
    variable: pytest.MonkeyPatch, text: str | None
) -> None:
    if text is not None:
        variable.setenv(NAME, text)

    with pytest.raises(ImproperlyConfigured, match=f"{NAME} must be set: it matters"):
        require(NAME, "it matters")


def test_required_variable_is_given_when_it_is_set(variable: pytest.MonkeyPatch) -> None:
    variable.setenv(NAME, " x ")

    assert require(NAME, "it matters") == "x"


def test_number_is_refused_when_it_is_under_its_minimum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBER", "0")

    with pytest.raises(ImproperlyConfigured, match="NUMBER must be 1 or more, not 0"):
        read_int("NUMBER", 5, minimum=1)

    assert read_int("NUMBER", 5, minimum=0) == 0
