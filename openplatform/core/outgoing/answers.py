"""What we make of an answer of HTTP/1.1, which llhttp reads as its bytes come in.

What a receiver has taken is told by the status of a whole head; a head that is odd otherwise only
means that the connection is not used again.
"""

from __future__ import annotations

import re

from httptools import (
    HttpParserError,
    HttpParserInvalidStatusError,
    HttpParserUpgrade,
    HttpResponseParser,
)

from openplatform.core.outgoing.faults import AnswerTooLarge, Unreachable

HEAD_LIMIT = 32 * 1024  # bytes of heads, and once more of what frames the pieces of a body
FIRST_INTERIM, SWITCHING, FIRST_FINAL = 100, 101, 200
BODILESS = (204, 304)

HEAD_END = re.compile(rb"\n\r?\n")


class AnswerReader:
    """One answer to a POST.

    :param body_limit: bytes of the body that are read, beside what frames its pieces.
    :param kept_limit: bytes of it that are kept.
    """

    __slots__ = (
        "_body_left", "_has_head", "_head", "_head_at", "_is_measured", "_kept_limit", "_left",
        "_parser", "content", "has_begun", "is_done", "is_reusable", "retry_after", "status",
    )  # fmt: skip

    def __init__(self, *, body_limit: int, kept_limit: int) -> None:
        self.status = 0
        self.content = b""
        self.retry_after: str | None = None
        self.has_begun = False
        self.is_done = False
        self.is_reusable = False  # the connection, when it is done
        self._kept_limit = kept_limit
        self._body_left = body_limit
        self._left = HEAD_LIMIT + body_limit  # bytes of everything
        self._head = b""  # as far as it has come, and interim ones before it
        self._head_at = 0  # where its end is looked for
        self._has_head = False
        self._is_measured = False  # whether the head tells of a body, and how to find its end
        # None when the answer is done, or when its head is one that llhttp does not read.
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True)  # RFC 9112, 2.2

    def feed(self, data: bytes) -> None:
        """Takes what came.

        :raises Unreachable: when it is no HTTP/1.1.
        :raises AnswerTooLarge: for the head alone; a body is cut.
        """
        self.has_begun = True
        if not self._has_head:
            room = HEAD_LIMIT - len(self._head)
            self._read_head(data[:room])
            data = data[room:]
            if not data:
                return
            if not self._has_head:
                raise AnswerTooLarge(f"the head of the answer has more than {HEAD_LIMIT:,} bytes")
        if self.is_done:
            self.is_reusable = False
            return
        self._parse(data[: self._left])
        self._left -= len(data)
        if self._left < 0:
            self._cut()

    def end(self) -> None:
        """The connection was closed.

        :raises Unreachable: when the answer was not whole.
        """
        if self._is_measured or not self._has_head:
            raise Unreachable("the connection broke off before the answer was whole")
        self._cut()

    def _read_head(self, data: bytes) -> None:
        self._head += data
        self._left -= len(data)
        self._parse(data)
        if self._parser is None and not self._has_head:
            self._has_head = self._find_head_end()
            if self._has_head:
                self._cut()
        if self._has_head:
            is_ours = self._head.lstrip(b"\r\n").startswith(b"HTTP/1.")  # llhttp reads others too
            if self.status < FIRST_FINAL or not is_ours:
                raise Unreachable("the answer is not HTTP/1.1")
            self._head = b""

    def _find_head_end(self) -> bool:
        found = HEAD_END.search(self._head, self._head_at)
        self._head_at = found.end() if found else max(self._head_at, len(self._head) - 2)
        return found is not None

    def _parse(self, data: bytes) -> None:
        parser = self._parser
        if parser is None:
            return
        try:
            parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._give_up(parser, error)
        if self.is_done:
            self._parser = None  # it refers to us

    def _give_up(self, parser: HttpResponseParser, error: Exception) -> None:
        """On what llhttp does not read.

        :raises Unreachable: unless the answer is done, or its status at least can be told.
        """
        if self.is_done:
            self.is_reusable = False
            return
        if self._has_head:
            raise Unreachable("the pieces of the answer do not fit") from error
        status = parser.get_status_code()
        if status == SWITCHING:
            raise Unreachable("the receiver wants to speak something else than HTTP/1.1") from error
        if status < FIRST_FINAL or isinstance(error, HttpParserInvalidStatusError):
            raise Unreachable("the answer is not HTTP/1.1") from error
        self.status = status
        self._parser = None

    def _cut(self) -> None:
        self.is_done = True
        self.is_reusable = False

    # What llhttp tells

    def on_message_begin(self) -> None:
        if self.is_done:
            self.is_reusable = False  # nobody asked for another one

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._has_head:
            return  # a trailer
        name = name.lower()
        if name == b"retry-after":
            self.retry_after = value.strip().decode("latin-1")
        elif name == b"content-length":
            self._is_measured = value != b"0"
        elif name == b"transfer-encoding":
            self._is_measured = value.lower().rstrip().endswith(b"chunked")

    def on_headers_complete(self) -> None:
        if self._has_head or self._parser is None:
            return  # what follows an answer
        status = self._parser.get_status_code()
        if FIRST_INTERIM <= status < FIRST_FINAL:
            self.retry_after = None
            self._is_measured = False
            self._find_head_end()
            return
        self.status = status
        self._has_head = True

    def on_body(self, body: bytes) -> None:
        if self.is_done:
            return
        room = self._kept_limit - len(self.content)
        if room > 0:
            self.content += body[:room]
        self._body_left -= len(body)
        if self._body_left < 0:
            self._cut()

    def on_message_complete(self) -> None:
        if self.is_done or not self._has_head or self._parser is None:
            return
        self.is_done = True
        # Some send a body after all; it would be taken for the next answer.
        is_odd = self._is_measured and self.status in BODILESS
        self.is_reusable = self._parser.should_keep_alive() and not is_odd
