"""Strict JSON in: UTF-8 only, no duplicate keys, no NaN, not nested deep, no unprintable text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from openplatform.core.errors import (
    DomainError,
    JsonDuplicateKey,
    JsonInvalid,
    JsonTooDeep,
    MediaTypeUnsupported,
    StringInvalid,
    refuse_if,
)

MAX_DEPTH = 32
MAX_UNPRINTABLE = 100  # texts named in one refusal
# The closing quote is optional: a string that never ends must be passed over once, not searched
# again from every quote within it, which takes hours for two megabytes.
BRACKETS_OUTSIDE_STRINGS = re.compile(
    rb'"(?:[^"\\]++|\\.)*+"?|(?P<opens>[\[{])|(?P<closes>[\]}])', re.DOTALL
)
UNPRINTABLE = re.compile("[\x00\ud800-\udfff]")


class StrictJSONParser(BaseParser):
    """Parses ``application/json`` as the contract reads it."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """
        :raises MediaTypeUnsupported: for another charset or a content encoding.
        :raises JsonInvalid, JsonTooDeep, JsonDuplicateKey: see the codes.
        :raises Refusal: ``string_invalid`` for NUL and lone surrogates anywhere.
        """
        if parser_context is not None:
            _require_plain_utf8(parser_context["request"])
        return parse_json(stream.read())


def _require_plain_utf8(request: Request) -> None:
    if request.META.get("HTTP_CONTENT_ENCODING", "identity").lower() not in ("", "identity"):
        raise MediaTypeUnsupported
    content_type = request.META.get("CONTENT_TYPE", "").lower()
    if "charset" in content_type:
        charset = content_type.partition("charset=")[2].partition(";")[0].strip(" \"'")
        if charset not in ("utf-8", "utf8"):
            raise MediaTypeUnsupported


def parse_json(body: bytes) -> Any:
    """The value of a JSON text; see :class:`StrictJSONParser` for what it refuses."""
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH:  # a cheap bound first
        _require_shallow(body)
    try:
        text = body.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise JsonInvalid from error
    if "\\u" in text:  # only an escape can bring in NUL or a lone surrogate
        faults: list[DomainError] = []
        _collect_unprintable(value, "", faults)
        refuse_if(faults)
    return value


def _require_shallow(body: bytes) -> None:
    depth = 0
    for match in BRACKETS_OUTSIDE_STRINGS.finditer(body):
        if match["opens"]:
            depth += 1
            if depth > MAX_DEPTH:
                raise JsonTooDeep
        elif match["closes"]:
            depth -= 1


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise JsonDuplicateKey
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise JsonInvalid


def _collect_unprintable(value: Any, pointer: str, faults: list[DomainError]) -> None:
    if len(faults) >= MAX_UNPRINTABLE:
        return
    if isinstance(value, str):
        if UNPRINTABLE.search(value):
            faults.append(StringInvalid(pointer=pointer))
    elif isinstance(value, dict):
        for key, inner in value.items():
            if UNPRINTABLE.search(key):
                faults.append(StringInvalid(pointer=pointer))
            else:
                _collect_unprintable(inner, f"{pointer}/{escape_pointer(key)}", faults)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _collect_unprintable(inner, f"{pointer}/{index}", faults)


def escape_pointer(key: str) -> str:
    """A key as one step of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")
