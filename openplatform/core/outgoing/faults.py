"""Why no answer came."""

from __future__ import annotations


class HttpFault(Exception):
    """No answer came; the text says why, for staff."""


class AddressNotAllowed(HttpFault):
    """We do not send requests there."""


class Unreachable(HttpFault):
    """Nobody answered: no such name, no connection, or one that broke."""


class TimedOut(HttpFault):
    """The deadline passed before the answer was whole."""


class AnswerTooLarge(HttpFault):
    """The body goes on past the limit."""


class HeaderNotAllowed(HttpFault):
    """A header that cannot be sent, or that is ours to write."""
