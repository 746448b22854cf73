"""A real SMTP server on the loopback, with a mind of its own where a test wants it."""

from __future__ import annotations

import email
import email.policy
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from django.conf import LazySettings

GOOD = "250 OK"


class Mailbox:
    """What came in, and what the server answers to an address (``rcpt``) or a text (``data``)."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.recipients: list[list[str]] = []
        self.sessions: Counter[Any] = Counter()
        self.rcpt: dict[str, str] = {}
        self.data: dict[str, str] = {}
        self.on_data: Callable[[], None] = lambda: None

    async def handle_RCPT(  # noqa: N802 - named by aiosmtpd
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        answer = self.rcpt.get(address, GOOD)
        if answer == GOOD:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(  # noqa: N802 - named by aiosmtpd
        self, server: Any, session: Any, envelope: Any
    ) -> str:
        self.sessions[session.peer] += 1
        self.on_data()
        answer = self.data.get(envelope.rcpt_tos[0], GOOD)
        if answer == GOOD:
            self.raw.append(envelope.content)
            self.recipients.append(envelope.rcpt_tos)
            parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
            assert isinstance(parsed, EmailMessage)
            self.messages.append(parsed)
        return answer


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def use_server(settings: LazySettings, port: int) -> None:
    """Send through the server on this port."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_TIMEOUT = 5
    settings.DEFAULT_FROM_EMAIL = "开放平台 <platform@shop.example>"


@contextmanager
def serving(mailbox: Mailbox, port: int) -> Iterator[None]:
    """The server, for as long as the block runs."""
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield
    finally:
        controller.stop()
