"""Names and values, written as lines of ``name=value``, in place of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from openplatform.core.visible_text import is_visible

MAX_PAIRS = 200
MAX_NAME = 100
MAX_VALUE = 5000
ROWS = 6


def show_value(value: Any) -> str:
    """A value on one line; what is no text, or has several lines, as JSON."""
    if isinstance(value, str) and is_visible(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def show_pairs(pairs: Mapping[str, Any]) -> str:
    """A line for each."""
    return "\n".join(f"{name}={show_value(value)}" for name, value in pairs.items())


def parse_pairs(text: str) -> dict[str, str]:
    """What lines of ``name=value`` say.

    :raises ValidationError: for a line without one of them, a name that comes twice, and for what
        is too long or cannot be seen.
    """
    pairs: dict[str, str] = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        name, sign, value = (part.strip() for part in line.partition("="))
        if not (name and sign and value):
            fault = _("%(line)s: a line is written as name=value")
            raise forms.ValidationError(fault, params={"line": line[:80]})
        if name in pairs:
            raise forms.ValidationError(_("%(name)s comes twice"), params={"name": name[:80]})
        is_short = len(name) <= MAX_NAME and len(value) <= MAX_VALUE
        if not (is_short and is_visible(name) and is_visible(value)):
            fault = _("%(line)s: too long, or with characters that cannot be seen")
            raise forms.ValidationError(fault, params={"line": line[:80]})
        pairs[name] = value
    if len(pairs) > MAX_PAIRS:
        raise forms.ValidationError(_("Too many lines"))
    return pairs


def keep_kinds(pairs: Mapping[str, str], stored: Mapping[str, Any]) -> dict[str, Any]:
    """The same, with each value that reads as the stored one being that one: a number, a list."""
    return {
        name: stored[name] if name in stored and show_value(stored[name]) == text else text
        for name, text in pairs.items()
    }


class PairsField(forms.CharField):
    """Names and values; an empty one is an empty object."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False,
            widget=UnfoldAdminTextareaWidget(attrs={"rows": ROWS, "class": "font-mono"}),
            help_text=_("One a line, written as name=value"),
            **kwargs,
        )

    def prepare_value(self, value: Any) -> Any:
        """As lines; what somebody typed stays as it is."""
        return show_pairs(value) if isinstance(value, Mapping) else value

    def to_python(self, value: Any) -> Any:
        """The pairs in their order."""
        return parse_pairs(super().to_python(value) or "")


class LinesField(forms.CharField):
    """Texts, one a line, each once."""

    def __init__(self, *, max_length: int, **kwargs: Any) -> None:
        self._longest = max_length
        super().__init__(
            required=False,
            widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
            **kwargs,
        )

    def prepare_value(self, value: Any) -> Any:
        """As lines; what somebody typed stays as it is."""
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """The texts in their order."""
        lines = (line.strip() for line in str(super().to_python(value) or "").splitlines())
        texts = list(dict.fromkeys(filter(None, lines)))
        for text in texts:
            if len(text) > self._longest or not is_visible(text):
                fault = _("%(line)s: too long, or with characters that cannot be seen")
                raise forms.ValidationError(fault, params={"line": text[:80]})
        return texts
