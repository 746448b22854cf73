"""No input makes the platform fail: every answer is below 500, and every refusal a problem.

Against the platform as it runs in production, since what granian makes of a request counts too.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from tests.cast import CONSIGNEE
from tests.prove.platform import ROOT, Platform

pytestmark = pytest.mark.prove

NAUGHTY = ROOT.parent / "shared/data/conformance/blns.json"
SECONDS_OF_FUZZING = 80
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance"
)
PIECE = b"x" * 65_536
# What a merchant's state is made of; nothing in it may move by a refusal.
STATE = """
    SELECT (SELECT count(*) FROM orders_order), (SELECT sum(held_amount) FROM accounts_wallet),
           (SELECT sum(balance) FROM accounts_wallet), (SELECT sum(reserved) FROM catalog_stock),
           (SELECT count(*) FROM orders_suborder), (SELECT count(*) FROM catalog_stockmovement)
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    directory = tmp_path_factory.mktemp("inputs")
    for folder in (directory, directory.parent):  # as root, the database runs as somebody else
        folder.chmod(0o711)
    stage = Platform(directory)
    yield stage
    stage.tear_down()


@pytest.fixture(scope="module")
def key(platform: Platform) -> str:
    keys = platform.set_up()
    platform.revive()
    platform.wait_until_ready()
    return keys[0]


@pytest.fixture(scope="module")
def session(key: str) -> requests.Session:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {key}"
    return session


def require_sound(answer: requests.Response, sent: Any) -> None:
    """An answer that a program can read, whatever was sent."""
    assert answer.status_code < 500, (sent, answer.text)
    if answer.status_code >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json", sent
        assert answer.json()["request_id"] == answer.headers["X-Request-Id"], sent


def naughty_strings() -> list[str]:
    if not NAUGHTY.is_file():
        pytest.skip("the list of naughty strings is not beside this checkout")
    strings: list[str] = json.loads(NAUGHTY.read_text())
    return strings


def order(**fields: Any) -> dict[str, Any]:
    return {
        "merchant_order_no": "NAUGHTY",
        "items": [{"sku": "NOT-FOR-SALE", "quantity": 1}],
        "consignee": CONSIGNEE,
        **fields,
    }


def test_refusals_are_problems_and_write_nothing_when_fields_hold_naughty_strings(
    platform: Platform, session: requests.Session
) -> None:
    before = platform.query(STATE)

    for text in naughty_strings():
        for body in (
            order(merchant_order_no=text),
            order(items=[{"sku": text, "quantity": 1, "expected_price": text}]),
            order(items=[{"sku": "NOT-FOR-SALE", "quantity": text}], remark=text),
            order(purchase_order_no=text, metadata={"note": text}),
            order(metadata={text: "note"}, **{text or "extra": text}),
            *(order(consignee={**CONSIGNEE, name: text}) for name in CONSIGNEE),
        ):
            answer = session.post(f"{platform.url}/api/v1/orders", json=body)
            require_sound(answer, body)
            assert answer.status_code == 422, body

    assert platform.query(STATE) == before


@pytest.mark.parametrize(
    ("path", "name"),
    [
        *(("catalog/skus", name) for name in ("q", "category", "updated_after", "cursor")),
        *(("orders", name) for name in ("merchant_order_no", "status", "created_before", "limit")),
        *(("account/entries", name) for name in ("after", "kind", "order_no")),
        *(("catalog/details", "sku"), ("messages", "type"), ("messages", "after")),
        *(("regions", "parent"), ("catalog/skus/SKU-0/stock", "region")),
    ],
)
def test_answer_is_sound_when_a_parameter_is_a_naughty_string(
    platform: Platform, session: requests.Session, path: str, name: str
) -> None:
    for text in naughty_strings()[::4]:
        answer = session.get(f"{platform.url}/api/v1/{path}", params={name: text})
        require_sound(answer, (path, name, text))


@pytest.mark.parametrize(
    "path", ["orders/{}", "regions/{}", "catalog/skus/{}", "orders/{}/confirm"]
)
def test_answer_is_sound_when_a_path_holds_a_naughty_string(
    platform: Platform, session: requests.Session, path: str
) -> None:
    for text in naughty_strings()[::4]:
        url = f"{platform.url}/api/v1/{path.format(quote(text, safe=''))}"
        require_sound(session.get(url), url)


def send_chunked(platform: Platform, key: str, pieces: int) -> bytes:
    """The head of the answer to a body of so many pieces, without a length announced."""
    address = ("127.0.0.1", platform.port)
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(
            f"POST /api/v1/orders HTTP/1.1\r\nHost: 127.0.0.1:{platform.port}\r\n"
            f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"
            "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        try:
            for piece in (b'{"a":"', *[PIECE] * pieces, b'"}'):
                connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            connection.sendall(b"0\r\n\r\n")
        except OSError:  # the platform has answered and hung up
            assert pieces * len(PIECE) > 2 * 1024 * 1024
        return connection.recv(1024)


@pytest.mark.parametrize(
    ("pieces", "status"), [(0, b"422"), (1, b"422"), (31, b"422"), (33, b"413"), (800, b"413")]
)
def test_body_is_read_up_to_the_limit_when_it_comes_in_chunks(
    platform: Platform, key: str, pieces: int, status: bytes
) -> None:
    head = send_chunked(platform, key, pieces)

    assert head.split()[1] == status
    assert b"application/problem+json" in head


def test_answers_fit_the_document_when_requests_are_generated_from_it(
    platform: Platform, key: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", str(ROOT / "docs/openapi.yaml")),
            *("--url", platform.url, "--header", f"Authorization: Bearer {key}"),
            *("--checks", CHECKS, "--phases", "coverage,fuzzing", "--max-examples", "20"),
            *("--max-time", str(SECONDS_OF_FUZZING), "--seed", "20101201", "--warnings", "off"),
            *("--generation-database", "none", "--no-shrink", "--no-color"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
