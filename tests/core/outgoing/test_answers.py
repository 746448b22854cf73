"""An answer is read the same however its bytes come in."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openplatform.core.outgoing.answers import AnswerReader
from openplatform.core.outgoing.faults import AnswerTooLarge, HttpFault, Unreachable

HEAD = b"HTTP/1.1 200 OK\r\n"
Read = tuple[int, bytes, str | None, bool]


def read(*pieces: bytes, is_closed: bool = False) -> Read | None:
    """Status, content, Retry-After and whether the connection may be used again."""
    reader = AnswerReader(body_limit=64, kept_limit=8)
    for piece in pieces:
        if not reader.is_done:
            reader.feed(piece)
    if is_closed and not reader.is_done:
        reader.end()
    if not reader.is_done:
        return None
    return reader.status, reader.content, reader.retry_after, reader.is_reusable


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (HEAD + b"Content-Length: 2\r\n\r\nok", (200, b"ok", None, True)),
        (HEAD + b"content-length:2\r\n\r\nok", (200, b"ok", None, True)),
        (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", (200, b"ok", None, True)),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", (200, b"ok", None, True)),
        (HEAD + b"Content-Length: 0\r\n\r\n", (200, b"", None, True)),
        (b"HTTP/1.1 204 No\r\n\r\n", (204, b"", None, True)),
        (b"HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", (304, b"", None, False)),
        (
            b"HTTP/1.1 503 Busy\r\nRetry-After: 120 \r\nContent-Length: 0\r\n\r\n",
            (503, b"", "120", True),
        ),
        (HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nok", (200, b"ok", None, False)),
        (HEAD + b"Connection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok", (200, b"ok", None, True)),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", (200, b"ok", None, False)),
        # Longer than what is kept, and than what is read.
        (HEAD + b"Content-Length: 12\r\n\r\n" + b"x" * 12, (200, b"x" * 8, None, True)),
        (HEAD + b"Content-Length: 64\r\n\r\n" + b"x" * 64, (200, b"x" * 8, None, True)),
        (HEAD + b"Content-Length: 65\r\n\r\n" + b"x" * 65, (200, b"x" * 8, None, False)),
        (HEAD + b"\r\n" + b"x" * 65, (200, b"x" * 8, None, False)),
        # More than was said: the status counts, the connection does not.
        (HEAD + b"Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n", (200, b"ok", None, False)),
        (HEAD + b"Content-Length: 0\r\n\r\nmore", (200, b"", None, False)),
        (b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello", (204, b"", None, False)),
        (b"HTTP/1.1 304 No\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", (304, b"", None, False)),
        (
            HEAD + b"Content-Length: 0\r\n\r\n"
            b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 1\r\n\r\nx",
            (200, b"", None, False),
        ),
        (
            HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\nRetry-After: 7\r\n\r\n",
            (200, b"a", None, True),
        ),
        (
            HEAD
            + b"Transfer-Encoding: Chunked\r\n\r\n1;a=b\r\na\r\n0A\r\n0123456789\r\n000\r\n\r\n",
            (200, b"a0123456", None, True),
        ),
        (
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\nZ: z\r\n\r\n",
            (200, b"a", None, True),
        ),
        (
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nHTTP",
            (200, b"a", None, False),
        ),
        (
            b"HTTP/1.1 100 Continue\r\nContent-Length: 9\r\n\r\n" + HEAD + b"\r\n" + b"x" * 65,
            (200, b"x" * 8, None, False),
        ),
        (
            b"HTTP/1.1 103 Hints\r\nRetry-After: 5\r\n\r\n" + HEAD + b"Content-Length: 0\r\n\r\n",
            (200, b"", None, True),
        ),
    ],
)
def test_answer_is_read_when_it_is_whole(answer: bytes, expected: Read) -> None:
    assert read(answer) == expected


CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    "odd",
    [
        b"Content-Length: 2\r\nContent-Length: 2\r\n",
        b"Content-Length: 2\r\nContent-Length: 3\r\n",
        b"Content-Length: 2\r\n" + CHUNKED,
        CHUNKED + b"Content-Length: 2\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Content-Length: 99999999999999999999\r\n",
        b"Content-Length:\r\n",
        b"Content-Length : 2\r\n",
        b" folded\r\nContent-Length: 2\r\n",
        b"no colon\r\nContent-Length: 2\r\n",
        b"X: \0\r\nContent-Length: 2\r\n",
    ],
)
@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 103 Hints\r\n\r\n"])
def test_status_alone_counts_when_the_head_is_odd(before: bytes, odd: bytes) -> None:
    head = before + b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nServer: x\r\n" + odd
    told = (429, b"", "7", False)

    assert read(head + b"\r\nok") == told
    assert read(*[bytes([byte]) for byte in head + b"\r\nok"]) == told
    assert read(head) is None
    with pytest.raises(Unreachable):
        read(head, is_closed=True)
    with pytest.raises(AnswerTooLarge):
        read(head, *[b"x\r\n" * 1000] * 11)


def test_long_odd_head_is_looked_through_once() -> None:
    reader = AnswerReader(body_limit=64, kept_limit=8)
    reader.feed(HEAD + b"no colon\r\n" + b"x\n" * 14_000)
    began = time.process_time()

    for _time in range(4000):
        reader.feed(b"x")

    assert time.process_time() - began < 0.5
    assert not reader.is_done


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"\r\nhello",
        HEAD + b"Transfer-Encoding: gzip\r\n\r\nhello",
        HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\nhello",
    ],
)
def test_answer_ends_with_the_connection_when_its_length_is_not_told(answer: bytes) -> None:
    assert read(answer) is None
    assert read(answer, is_closed=True) == (200, b"hello", None, False)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"220 mail ESMTP\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 \xef\xbc\x92\xef\xbc\x90\xef\xbc\x90 OK\r\n\r\n",
        b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/2.0 200 OK\r\nno colon\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 103 Hints\r\n\r\nSSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 103 Hints\r\nno colon\r\n\r\n" + HEAD + b"Content-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        HEAD + CHUNKED + b"\r\nxyz\r\n",
        HEAD + CHUNKED + b"\r\n-1\r\n",
        HEAD + CHUNKED + b"\r\n1\r\nab\r\n",
        HEAD + CHUNKED + b"\r\nFFFFFFFFFFFFFFFFF\r\n",
        HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\nhello",
        HEAD + CHUNKED + CHUNKED + b"\r\nhello",
    ],
)
def test_answer_is_refused_when_it_is_no_http(answer: bytes) -> None:
    with pytest.raises(Unreachable):
        read(answer)


@pytest.mark.parametrize(
    "answer",
    [
        b"\r\n\r\n",
        HEAD,
        HEAD + b"Content-Length: 9999999999999999\r\n\r\nhello",
        HEAD + CHUNKED + b"\r\nFFFFFFFFF\r\nhello",
        HEAD + CHUNKED + b"\r\n0\r\n",
    ],
)
def test_answer_is_refused_when_it_breaks_off(answer: bytes) -> None:
    assert read(answer) is None
    with pytest.raises(Unreachable):
        read(answer, is_closed=True)


LONG_HEAD = HEAD + b"X: " + b"x" * 40_000


@pytest.mark.parametrize(
    "answer",
    [
        LONG_HEAD,
        LONG_HEAD + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 2000,
        b"\r\n" * 20_000,
    ],
)
def test_head_is_refused_when_it_is_too_large(answer: bytes) -> None:
    with pytest.raises(AnswerTooLarge):
        read(answer)
    with pytest.raises(AnswerTooLarge):
        read(*[answer[start : start + 100] for start in range(0, len(answer), 100)])


@pytest.mark.parametrize(
    "endless",
    [b"0\r\n" + b"X: y\r\n" * 10_000, b"1;" + b"x" * 50_000, b"1\r\nx\r\n" * 10_000],
    ids=["trailers", "extension", "pieces"],
)
def test_body_is_cut_when_what_frames_it_does_not_end(endless: bytes) -> None:
    answer = HEAD + CHUNKED + b"\r\n" + endless
    reader = AnswerReader(body_limit=64, kept_limit=8)
    fed = 0

    while not reader.is_done:
        reader.feed(answer[fed : fed + 1000])
        fed += 1000

    assert (reader.status, reader.is_reusable) == (200, False)
    assert reader.content == (b"x" * 8 if endless.startswith(b"1\r") else b"")
    assert fed <= 34_000


def test_connection_is_not_used_again_when_more_follows_a_long_answer() -> None:
    head = HEAD + b"Content-Length: 0\r\nX: "
    answer = head + b"x" * (32 * 1024 - len(head) - 4) + b"\r\n\r\n"

    assert read(answer) == (200, b"", None, True)
    assert read(answer + b"more") == (200, b"", None, False)


WHOLE = [
    HEAD + b"Server: x\r\nContent-Length: 10\r\n\r\n0123456789",
    HEAD + CHUNKED + b"\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nX: y\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n"
    b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
    HEAD + b"Content-Length: 2\r\n" + CHUNKED + b"\r\nok",
]


@given(st.sampled_from(WHOLE), st.lists(st.integers(0, 120), max_size=6))
def test_answer_is_the_same_however_it_is_cut_up(answer: bytes, cuts: list[int]) -> None:
    ends = [*sorted(cuts), len(answer)]
    pieces = [answer[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    assert read(*pieces) == read(answer)


@given(
    st.sampled_from([b"", HEAD, HEAD + b"\r\n", HEAD + b"no colon\r\n", HEAD + CHUNKED + b"\r\n"]),
    st.lists(st.binary(max_size=100), max_size=5),
)
def test_nothing_but_a_fault_is_raised_whatever_comes(head: bytes, pieces: list[bytes]) -> None:
    try:
        told = read(head, *pieces, is_closed=True)
    except HttpFault:
        return

    assert told is not None
    assert len(told[1]) <= 8
