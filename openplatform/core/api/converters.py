"""Path converters that take what our numbers are made of, and nothing that looks like it."""

from __future__ import annotations

from django.urls import register_converter


class NumberConverter:
    """A document number: capitals, digits and dashes, at most 24 of them."""

    regex = "[A-Z0-9-]{1,24}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class CodeConverter(NumberConverter):
    """A code: ``[A-Za-z0-9._-]``, 1 to 64 of them."""

    regex = "[A-Za-z0-9._-]{1,64}"


register_converter(NumberConverter, "number")
register_converter(CodeConverter, "code")
