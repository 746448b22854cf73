"""Providers to try things with: an HTTP server with parcels that follow a script, and invoices.

    python -m openplatform.connectors.simulator --port 8500 --seconds 20

It loads nothing but the standard library, so that it costs little beside a platform. The waybill
number says what becomes of a parcel: it is delivered, unless a part between hyphens is one of
:data:`ENDINGS` (``SF-LOST-1``) or :data:`MISHAPS` (``SF-SLOW-1``). A parcel begins when it is first
asked about, and comes to its end within ``--seconds``.

``GET /track?carrier=&waybill=`` is what ``connectors/providers/simulated.py`` says; any path before
it is another provider's in name only (``/spare/track``). ``POST /invoices`` and ``GET
/invoices/<number>`` are what ``connectors/providers/simulated_invoicing.py`` says; see
``invoices.py`` for what may go wrong. ``GET /calls`` counts the calls by path.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import signal
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

from openplatform.connectors.simulator.invoices import InvoiceDesk, mishap_of

HOST = "127.0.0.1"
SECONDS = 20.0  # until a parcel is at its end
SLOW_SECONDS = 30.0
HUGE_BYTES = 4 * 1024 * 1024
PIECE = b"x" * 16384
PUSH_EVERY = 0.5  # seconds
PUSH_TIMEOUT = 5.0
MAX_ORDER = 16 * 1024 * 1024  # bytes of an invoice that is ordered
INVOICES = "/invoices"

Step = tuple[float, str, str, str]  # when of the whole, state, place, remark

START: tuple[Step, ...] = (
    (0.0, "COLLECTED", "始发网点", "快件已揽收"),
    (0.2, "TRANSIT", "始发转运中心", "快件离开始发转运中心，发往目的地"),
    (0.5, "TRANSIT", "目的转运中心", "快件到达目的转运中心"),
)
ENDINGS: Mapping[str, tuple[Step, ...]] = {
    "": (
        (0.7, "DELIVERING", "目的网点", "快件正在派送"),
        (1.0, "SIGNED", "目的网点", "快件已签收"),
    ),
    "LOST": ((1.0, "LOST", "目的转运中心", "快件在转运中遗失"),),
    "STUCK": ((0.7, "PROBLEM", "目的网点", "收件地址不详，无法派送"),),
    "REFUSED": (
        (0.7, "DELIVERING", "目的网点", "快件正在派送"),
        (1.0, "REJECTED", "目的网点", "收件人拒收"),
    ),
    "RETURN": (
        (0.6, "REJECTED", "目的网点", "收件人拒收"),
        (0.8, "SENDING_BACK", "目的转运中心", "快件退回中"),
        (1.0, "SENT_BACK", "始发网点", "快件已退回寄件人"),
    ),
    "ODD": (
        (0.7, "CUSTOMS_HOLD", "口岸", "等待海关查验"),
        (1.0, "SIGNED", "目的网点", "快件已签收"),
    ),
}
MISHAPS = frozenset({"SLOW", "FAIL", "GARBAGE", "HUGE", "UNKNOWN", "MOVED", "OTHER", "DENIED"})


class Simulator(ThreadingHTTPServer):
    """The server and what it remembers.

    :param seconds: how long a parcel takes from its first step to its last.
    :param memory: a file that keeps when parcels began, over a restart.
    :param mishap: one of :data:`MISHAPS` for every parcel, as when the provider is down.
    :param invoice_mishap: one of those of ``invoices.py`` for every invoice that is ordered.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self, port: int, *, seconds: float = SECONDS, api_key: str = "", memory: Path | None = None
    ) -> None:
        super().__init__((HOST, port), _Handler)
        self.seconds = seconds
        self.api_key = api_key
        self.mishap = ""
        self.invoice_mishap = ""
        self.desk = InvoiceDesk()
        self.calls: Counter[str] = Counter()
        self.is_ending = Event()
        self._memory = memory
        self._lock = Lock()
        self._began: dict[str, float] = {}
        if memory is not None and memory.exists():
            self._began = json.loads(memory.read_text(encoding="utf-8"))

    @property
    def base_url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.server_address[1]}"

    def count(self, name: str) -> None:
        """One call more."""
        with self._lock:
            self.calls[name] += 1

    def describe(self, carrier: str, waybill: str) -> dict[str, Any]:
        """What is known of a parcel by now."""
        key = f"{carrier} {waybill}"
        with self._lock:
            if key not in self._began:
                self._began[key] = time.time()
                self._remember()
            began = self._began[key]
        ending = next((part for part in waybill.split("-") if part in ENDINGS), "")
        traces = []
        for part, state, place, remark in (*START, *ENDINGS[ending]):
            moment = began + part * self.seconds
            if moment <= time.time():
                at = datetime.fromtimestamp(int(moment), UTC)
                traces.append(
                    {"time": at.isoformat(), "state": state, "place": place, "remark": remark}
                )
        return {"carrier": carrier, "waybill": waybill, "traces": traces}

    def list_parcels(self) -> list[tuple[str, str]]:
        """Every parcel that was asked about, as carrier and waybill."""
        with self._lock:
            keys = list(self._began)
        return [(key.partition(" ")[0], key.partition(" ")[2]) for key in keys]

    def push_until_end(self, url: str, secret: str) -> None:
        """Tell somebody of every step when it happens, signed, until the server ends."""
        told: dict[tuple[str, str], int] = {}
        while not self.is_ending.wait(PUSH_EVERY):
            for parcel in self.list_parcels():
                described = self.describe(*parcel)
                if len(described["traces"]) > told.get(parcel, 0) and push(
                    url, secret, [described]
                ):
                    told[parcel] = len(described["traces"])

    def _remember(self) -> None:
        if self._memory is not None:
            draft = self._memory.with_name(f"{self._memory.name}.draft")
            draft.write_text(json.dumps(self._began), encoding="utf-8")
            draft.replace(self._memory)


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The signature of a callback: HMAC-SHA256 over ``<timestamp>.<body>``, in hex."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def push(url: str, secret: str, parcels: list[dict[str, Any]]) -> bool:
    """Call back; whether the receiver took it."""
    body = json.dumps({"parcels": parcels}).encode()
    timestamp = str(int(time.time()))
    request = Request(  # noqa: S310 - the address that we were started with
        url,
        data=body,
        headers={
            "Content-Type": "application/json",
            "X-Callback-Timestamp": timestamp,
            "X-Callback-Signature": sign(secret, timestamp, body),
        },
    )
    try:
        with urlopen(request, timeout=PUSH_TIMEOUT) as answer:  # noqa: S310 - as above
            return bool(answer.status == 200)  # noqa: PLR2004 - OK
    except OSError:
        return False


class _Handler(BaseHTTPRequestHandler):
    server: Simulator
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """A call."""
        parts = urlsplit(self.path)
        if parts.path == "/calls":
            self._answer(200, dict(self.server.calls))
            return
        if parts.path.startswith(f"{INVOICES}/"):
            self._find_invoice(parts.path.removeprefix(f"{INVOICES}/"))
            return
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        carrier, waybill = query.get("carrier", ""), query.get("waybill", "")
        if not parts.path.endswith("/track") or not carrier or not waybill:
            self._answer(400, {"error": "bad request"})
            return
        self.server.count(parts.path)
        if not self._is_known():
            return
        is_spare = parts.path != "/track"
        words = waybill.split("-")
        if not is_spare and self.server.mishap:
            words = [self.server.mishap]
        mishap = next((word for word in words if word in MISHAPS), "")
        # What befalls a parcel at the first provider does not befall it at the spare.
        if mishap and not (is_spare and mishap != "UNKNOWN"):
            self._go_wrong(mishap, carrier, waybill)
        else:
            self._answer(200, self.server.describe(carrier, waybill))

    def do_POST(self) -> None:
        """An invoice is ordered."""
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(min(length, MAX_ORDER))
        if urlsplit(self.path).path != INVOICES:
            self._answer(404, {"error": "nothing here"})
            return
        self.server.count("POST /invoices")
        if self._is_known():
            self._issue_invoice(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the calls are counted."""

    def _is_known(self) -> bool:
        """Whether the caller has the key; answered when it has not."""
        if self.server.api_key and self.headers.get("X-Api-Key") != self.server.api_key:
            self._answer(401, {"error": "unknown key"})
            return False
        return True

    def _issue_invoice(self, body: bytes) -> None:
        try:
            order = json.loads(body)
            mishap = self.server.invoice_mishap or mishap_of(order)
            if mishap == "DENY":
                self._answer(422, {"error": "购买方名称与纳税人识别号不一致"})
                return
            if mishap == "FAIL":
                self._answer(500, {"error": "fail"})
                return
            issued = self.server.desk.issue(order)
        except (ValueError, TypeError, KeyError):
            self._answer(400, {"error": "bad request"})
            return
        if mishap == "SLOW":
            self.server.is_ending.wait(SLOW_SECONDS)
        if mishap == "LOSE":
            self._answer(502, {"error": "lost"})
        elif mishap == "GARBAGE":
            self._send(200, b"<html>not what was agreed</html>")
        elif mishap == "BROKEN":
            self._answer(200, {**issued, "pdf": "bm8gUERG"})
        else:
            self._answer(200, issued)

    def _find_invoice(self, number: str) -> None:
        self.server.count("GET /invoices")
        if not self._is_known():
            return
        issued = self.server.desk.find(number)
        if issued is None:
            self._answer(404, {"error": "nothing was issued under this number"})
        else:
            self._answer(200, issued)

    def _go_wrong(self, mishap: str, carrier: str, waybill: str) -> None:
        if mishap == "SLOW":
            self.server.is_ending.wait(SLOW_SECONDS)
            self._answer(200, self.server.describe(carrier, waybill))
        elif mishap == "HUGE":
            self._send_head(200, HUGE_BYTES)
            for _piece in range(HUGE_BYTES // len(PIECE)):
                try:
                    self.wfile.write(PIECE)
                except OSError:  # the caller has heard enough
                    self.close_connection = True
                    return
        elif mishap == "GARBAGE":
            self._send(200, b"<html>not what was agreed</html>")
        elif mishap == "MOVED":
            self._send(302, b"", {"Location": f"{self.server.base_url}/track"})
        elif mishap == "OTHER":
            self._answer(200, self.server.describe(carrier, f"{waybill}-0"))
        else:
            status = {"FAIL": 500, "UNKNOWN": 404, "DENIED": 403}[mishap]
            self._answer(status, {"error": mishap.lower()})

    def _answer(self, status: int, value: Any) -> None:
        self._send(status, json.dumps(value, ensure_ascii=False).encode())

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        try:
            self._send_head(status, len(body), headers)
            self.wfile.write(body)
        except OSError:  # the caller has gone
            self.close_connection = True

    def _send_head(
        self, status: int, length: int, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the simulator is started with."""
    parser.add_argument("--port", type=int, required=True, help="where it listens, on this machine")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="until a parcel is at its end (20)"
    )
    parser.add_argument("--api-key", default="", help="refuse callers without this key")
    parser.add_argument("--memory", type=Path, help="a file that keeps when parcels began")
    parser.add_argument("--push-to", default="", help="a callback address to tell of every step")
    parser.add_argument("--push-secret", default="", help="what callbacks are signed with")


def serve(options: Mapping[str, Any]) -> int:
    """Answer until a signal."""
    server = Simulator(
        options["port"],
        seconds=options["seconds"],
        api_key=options["api_key"],
        memory=options["memory"],
    )

    def end(_number: int, _frame: Any) -> None:
        server.is_ending.set()
        Thread(target=server.shutdown, daemon=True).start()  # it waits for the loop below

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    if options["push_to"]:
        arguments = (options["push_to"], options["push_secret"])
        Thread(target=server.push_until_end, args=arguments, daemon=True).start()
    with server:
        server.serve_forever(poll_interval=0.2)
    return 0


def main() -> int:
    """The program."""
    parser = argparse.ArgumentParser(
        description="Providers of logistics and of invoices to try things with."
    )
    add_arguments(parser)
    return serve(vars(parser.parse_args()))
