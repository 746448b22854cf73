"""``manage.py receive_webhooks``: a receiver for integrators to try things with."""

from __future__ import annotations

import json
import os
import signal
from argparse import ArgumentParser, ArgumentTypeError
from http import HTTPStatus
from threading import Event, Thread
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from openplatform.core import clock
from openplatform.messaging.receiver import RETRY_LATER, SUCCESS, Behaviour, Receiver, Reception
from openplatform.messaging.signatures import SecretMalformed, signature

HOST = "127.0.0.1"
SECRET_VARIABLE = "WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
MAX_PORT = 65535
MAX_DELAY = 3600
SHOWN = 120  # characters of a message's data
MARKS = {"valid": "signed", "invalid": "REFUSED", "unchecked": "unchecked"}


class Command(BaseCommand):
    help = (
        "Receive webhooks: check the signature and age of each, print a line for each, know again "
        "what came before. Answers 204, 401 to what is not properly signed, or with the faults "
        "that are asked for. Ctrl-C ends it; the exit status is 1 when anything was refused."
    )
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=_port, required=True, help="where it listens; 0: any")
        parser.add_argument("--host", default=HOST, help=f"the address it listens at ({HOST})")
        parser.add_argument(
            "--secret",
            action="append",
            help="whsec_…, as shown when the endpoint was made; both ones while it is being "
            f"changed (default: ${SECRET_VARIABLE}, several separated by blanks). Without any, "
            "signatures are not checked.",
        )
        parser.add_argument(
            "--status",
            type=_status,
            help="answer with this status (such as 500, 429, 410, 302), or the share of requests "
            "that --fail-rate says",
        )
        parser.add_argument(
            "--fail-rate",
            type=_share,
            help="answer this share of the requests, 0 to 1, with --status (500 unless told)",
        )
        parser.add_argument(
            "--delay", type=_delay, default=0.0, help="seconds to wait before each answer"
        )
        parser.add_argument(
            "--retry-after", type=_seconds, help="seconds that answers 429 and 503 ask to wait"
        )
        parser.add_argument(
            "--count", type=_seconds, help="end once so many different messages were taken"
        )
        parser.add_argument(
            "--json", action="store_true", help="print each request as one line of JSON"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        secrets = options["secret"] or os.environ.get(SECRET_VARIABLE, "").split()
        _require_secrets(secrets)
        told = _Told(self, is_json=options["json"], count=options["count"])
        try:
            receiver = Receiver(
                options["host"],
                options["port"],
                tell=told.tell,
                secrets=secrets,
                behaviour=_behaviour(options),
            )
        except OSError as error:
            place = f"{options['host']}:{options['port']}"
            raise CommandError(f"{place} cannot be listened at ({error.strerror}).") from error
        previous = {
            number: signal.signal(number, lambda *_: told.is_enough.set())
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        serving = Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            told.greet(receiver)
            told.is_enough.wait()
        finally:
            receiver.end()
            serving.join()
            for number, handler in previous.items():
                signal.signal(number, handler)
        told.conclude()


class _Told:
    """What is printed, and counted."""

    def __init__(self, command: Command, *, is_json: bool, count: int | None) -> None:
        self.is_enough = Event()
        self.requests = 0
        self.refused = 0
        self.failed = 0
        self.taken = 0
        self._command = command
        self._is_json = is_json
        self._count = count

    def greet(self, receiver: Receiver) -> None:
        """Where it listens."""
        if self._is_json:
            return
        unchecked = "" if receiver.secrets else " No secret: signatures are not checked."
        self._print(f"Receiving webhooks at {receiver.url}{unchecked} Ctrl-C ends it.")

    def tell(self, reception: Reception) -> None:
        """Print one request."""
        self.requests += 1
        self.refused += reception.signature == "invalid"
        is_taken = reception.status in SUCCESS
        self.taken += is_taken and not reception.is_duplicate
        self.failed += reception.signature != "invalid" and not is_taken
        self._print(_as_json(reception) if self._is_json else _as_line(reception))
        if self._count is not None and self.taken >= self._count:
            self.is_enough.set()

    def conclude(self) -> None:
        """Print the sums.

        :raises CommandError: when anything was refused.
        """
        if not self._is_json:
            self._print(
                f"{self.requests} requests: {self.taken} messages taken, {self.failed} answered "
                f"with a fault, {self.refused} refused."
            )
        if self.refused:
            raise CommandError(f"{self.refused} requests were not properly signed.")

    def _print(self, line: str) -> None:
        self._command.stdout.write(line)
        self._command.stdout.flush()


def _as_line(reception: Reception) -> str:
    message = reception.message or {}
    sequence, kind = message.get("sequence", "?"), message.get("type", "?")
    parts = [
        f"{reception.at.astimezone(clock.PLATFORM_ZONE):%H:%M:%S}",
        f"{MARKS[reception.signature]} {reception.status}",
        f"#{sequence} {kind} {reception.message_id}",
    ]
    if reception.is_duplicate:
        parts.append(f"again, taken before ({reception.attempt})")
    elif reception.attempt > 1:
        parts.append(f"attempt {reception.attempt}")
    if reception.signature == "invalid":
        parts = [*parts[:2], reception.message_id, reception.reason]
    else:
        data = json.dumps(message.get("data"), ensure_ascii=False)
        parts.append(data if len(data) <= SHOWN else f"{data[: SHOWN - 1]}…")
    line = "  ".join(part for part in parts if part)
    # Whoever reaches the port decides what stands here: no control characters for the terminal.
    return "".join(letter if letter.isprintable() else "?" for letter in line)


def _as_json(reception: Reception) -> str:
    return json.dumps(
        {
            "at": clock.to_text(reception.at),
            "path": reception.path,
            "signature": reception.signature,
            "reason": reception.reason or None,
            "status": int(reception.status),
            "id": reception.message_id,
            "attempt": reception.attempt,
            "is_duplicate": reception.is_duplicate,
            "message": reception.message,
        }
    )


def _behaviour(options: dict[str, Any]) -> Behaviour:
    status, fail_rate = options["status"], options["fail_rate"]
    if fail_rate is None:
        fail_rate = 0.0 if status is None else 1.0
    if status is None:
        status = HTTPStatus.INTERNAL_SERVER_ERROR
    if options["retry_after"] is not None and status not in RETRY_LATER:
        raise CommandError("--retry-after goes with --status 429 or 503.")
    return Behaviour(
        fail_rate=fail_rate,
        status=status,
        delay=options["delay"],
        retry_after=options["retry_after"],
    )


def _require_secrets(secrets: list[str]) -> None:
    for secret in secrets:
        try:
            signature(secret, "", 0, b"")
        except SecretMalformed as error:
            raise CommandError(f"--secret: {error}") from error


def _port(text: str) -> int:
    return _whole(text, MAX_PORT)


def _seconds(text: str) -> int:
    return _whole(text, 10**9)


def _whole(text: str, maximum: int) -> int:
    if not (text.isascii() and text.isdecimal() and int(text[:12]) <= maximum):
        raise ArgumentTypeError(f"a whole number up to {maximum}")
    return int(text)


def _status(text: str) -> int:
    try:
        status = HTTPStatus(int(text))
    except ValueError as error:
        raise ArgumentTypeError("a status of HTTP") from error
    if status < HTTPStatus.OK:
        raise ArgumentTypeError("a final status of HTTP")
    return status


def _share(text: str) -> float:
    return _number(text, 1)


def _delay(text: str) -> float:
    return _number(text, MAX_DELAY)


def _number(text: str, maximum: int) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise ArgumentTypeError("a number") from error
    if not 0 <= number <= maximum:  # NaN is in no range
        raise ArgumentTypeError(f"a number from 0 to {maximum}")
    return number
