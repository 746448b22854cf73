"""Strict JSON in: UTF-8 only, no duplicate keys, no NaN, not nested deep, no unprintable text.

And forms with a file in, as strict.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Mapping
from contextlib import closing
from tempfile import SpooledTemporaryFile
from typing import IO, Any, ClassVar, NoReturn

from django.conf import settings
from django.http import UnreadablePostError
from django.utils.translation import gettext as _
from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from openplatform.core.api.body_limits import MULTIPART, UPLOAD_OVERHEAD
from openplatform.core.errors import (
    BodyTooLarge,
    DomainError,
    FieldInvalid,
    FileInvalid,
    JsonDuplicateKey,
    JsonInvalid,
    JsonTooDeep,
    MediaTypeUnsupported,
    StringInvalid,
    TooManyItems,
    refuse_if,
)
from openplatform.core.uploads.files import ReceivedFile, safe_filename

MAX_DEPTH = 32
MAX_UNPRINTABLE = 100  # texts named in one refusal
# The closing quote is optional: a string that never ends must be passed over once, not searched
# again from every quote within it, which takes hours for two megabytes.
BRACKETS_OUTSIDE_STRINGS = re.compile(
    rb'"(?:[^"\\]++|\\.)*+"?|(?P<opens>[\[{])|(?P<closes>[\]}])', re.DOTALL
)
PIECE = 64 * 1024  # bytes read of a form at a time, and kept in memory while they come
MAX_PARTS = 20
MAX_TEXT = 8 * 1024  # bytes of a text field
BOUNDARY = re.compile(r"[ -~]{0,69}[!-~]", re.ASCII)
UNPRINTABLE = re.compile("[\x00\ud800-\udfff]")
ESCAPE_OF_UNPRINTABLE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


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
    if ESCAPE_OF_UNPRINTABLE.search(text):  # nothing else brings in NUL or a lone surrogate
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


class UploadParser(BaseParser):
    """Parses ``multipart/form-data``: a file, and text fields beside it.

    Gives a dictionary of :class:`ReceivedFile` and ``str`` for :func:`read_body`, whose serializer
    names the fields (``file = UploadField()``). A view takes uploads by
    ``parser_classes = [UploadParser]``; for a lower limit, a subclass.
    """

    media_type = MULTIPART
    upload_limit: ClassVar[int | None] = None  # bytes of a file; settings.UPLOAD_LIMIT when None

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, ReceivedFile | str]:
        """
        :raises MediaTypeUnsupported: for another charset or a content encoding.
        :raises BodyTooLarge: past the limit of the file or of the whole.
        :raises TooManyItems: over 20 parts.
        :raises FileInvalid: when the form is broken or a file is empty.
        :raises FieldInvalid: for a field sent twice or a text of more than 8 KB.
        :raises StringInvalid: for text that is not UTF-8 or has a NUL.
        """
        request = (parser_context or {})["request"]
        _require_plain_utf8(request)
        boundary = request._request.content_params.get("boundary", "")
        if not BOUNDARY.fullmatch(boundary):
            raise FileInvalid
        limit = self.upload_limit or settings.UPLOAD_LIMIT
        fields: dict[str, ReceivedFile | str] = {}
        with closing(_read_parts(stream, boundary, limit)) as parts:
            for number, (part, content) in enumerate(parts, start=1):
                if number > MAX_PARTS:
                    raise TooManyItems(maximum=MAX_PARTS)
                _add_field(fields, part, content)
        return fields


def _read_parts(
    stream: IO[Any], boundary: str, limit: int
) -> Generator[tuple[MultipartSegment, bytes], None, None]:
    """Each part with its content, which waits in a temporary file while its sender is slow."""
    missing = limit + UPLOAD_OVERHEAD
    parser = PushMultipartParser(boundary, max_segment_size=limit, strict=True)
    try:
        with parser, SpooledTemporaryFile(max_size=PIECE) as spool:
            part = None
            while not parser.closed and (piece := stream.read(PIECE)):
                missing -= len(piece)
                if missing < 0:
                    raise BodyTooLarge(limit_bytes=limit + UPLOAD_OVERHEAD)
                for event in parser.parse(piece):
                    if isinstance(event, MultipartSegment):
                        part = event
                    elif event is not None:
                        spool.write(event)
                    elif part is not None:
                        spool.seek(0)
                        yield part, spool.read()
                        spool.seek(0)
                        spool.truncate()
    except ParserLimitReached as error:
        raise BodyTooLarge(limit_bytes=limit) from error
    except (MultipartError, UnreadablePostError) as error:
        raise FileInvalid from error


def _add_field(
    fields: dict[str, ReceivedFile | str], part: MultipartSegment, content: bytes
) -> None:
    name = part.name or ""
    if UNPRINTABLE.search(name):
        raise StringInvalid
    pointer = f"/{escape_pointer(name)}"
    if name in fields:
        raise FieldInvalid(pointer=pointer)
    if part.filename is not None:
        if content:
            fields[name] = ReceivedFile(content, safe_filename(part.filename))
        elif part.filename:  # without a name it is what browsers send for no file chosen
            raise FileInvalid(_("The file is empty"), pointer=pointer)
        return
    if len(content) > MAX_TEXT:
        raise FieldInvalid(pointer=pointer)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StringInvalid(pointer=pointer) from error
    if UNPRINTABLE.search(text):
        raise StringInvalid(pointer=pointer)
    fields[name] = text


def escape_pointer(key: str) -> str:
    """A key as one step of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")
