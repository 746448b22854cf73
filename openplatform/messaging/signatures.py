"""Signatures of what webhooks carry: https://www.standardwebhooks.com, symmetric scheme ``v1``.

Signed is ``id.timestamp.body`` with HMAC-SHA256; the key is what the secret says in base64 after
``whsec_``. It needs nothing of Django, so that an integrator's receiver can be tested with it.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import hmac
import re
import secrets as randomness
from collections.abc import Iterable, Mapping
from datetime import datetime

SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret begins with, not one of them
SECRET_BYTES = 32
# What the standard allows of secrets that others made.
SECRET_SIZES = range(24, 65)
SCHEME = "v1"
ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"
TOLERANCE = 300  # seconds that the sender's and the receiver's clock and the way may differ
# Decimal digits as int() also reads them in other scripts and with signs are not the standard's.
UNIX_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


class SecretMalformed(ValueError):
    """It is not ``whsec_`` and the base64 of 24 to 64 bytes."""


class SignatureInvalid(Exception):
    """The message is not proved to come from the holder of the secret, now; the text says why."""


def new_secret() -> str:
    """A secret of 32 random bytes: ``whsec_`` and 44 characters of base64."""
    return SECRET_PREFIX + base64.b64encode(randomness.token_bytes(SECRET_BYTES)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """``v1,<base64>`` of the message as it is sent in this attempt.

    :param timestamp: of the attempt, in seconds since 1970 UTC.
    :raises SecretMalformed: when the secret is none of ours in form.
    """
    mac = _mac(secret).copy()
    mac.update(f"{message_id}.{timestamp}.".encode() + body)
    return f"{SCHEME},{base64.b64encode(mac.digest()).decode()}"


def signatures(secrets: Iterable[str], message_id: str, timestamp: int, body: bytes) -> str:
    """The value of ``webhook-signature``: one for each secret, divided by blanks."""
    return " ".join(signature(secret, message_id, timestamp, body) for secret in secrets)


def verify(secrets: Iterable[str], headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """Nothing, when one of the secrets signed this message within five minutes of ``now``.

    Signatures of schemes other than ``v1`` are passed over, as the standard asks.

    :param headers: of the request, their names in any case.
    :raises SignatureInvalid: when a header is missing or malformed, the attempt too long ago or
        in the future, or no signature fits.
    :raises SecretMalformed: when a secret is none of ours in form.
    """
    given = {name.lower(): value for name, value in headers.items()}
    for name in (ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER):
        if not given.get(name):
            raise SignatureInvalid(f"The header {name} is missing.")
        if not given[name].isascii():
            raise SignatureInvalid(f"The header {name} is not ASCII.")
    timestamp = _read_timestamp(given[TIMESTAMP_HEADER], now)
    shown = [one.encode() for one in given[SIGNATURE_HEADER].split(" ")]
    expected = [signature(one, given[ID_HEADER], timestamp, body).encode() for one in secrets]
    # All are compared, each in constant time: how long it takes tells nothing about them.
    fits = [hmac.compare_digest(one, other) for one in shown for other in expected]
    if not any(fits):
        raise SignatureInvalid("No signature fits the secret.")


def _read_timestamp(text: str, now: datetime) -> int:
    if not UNIX_SECONDS.fullmatch(text):
        raise SignatureInvalid(f"The header {TIMESTAMP_HEADER} is not a number of seconds.")
    timestamp = int(text)
    age = now.timestamp() - timestamp
    if age > TOLERANCE:
        raise SignatureInvalid(f"The attempt was {age:.0f} seconds ago; {TOLERANCE} are allowed.")
    if age < -TOLERANCE:
        raise SignatureInvalid(
            f"The attempt is {-age:.0f} seconds in the future; {TOLERANCE} are allowed."
        )
    return timestamp


@functools.lru_cache(maxsize=1024)  # to set up the key takes twice as long as to sign
def _mac(secret: str) -> hmac.HMAC:
    return hmac.new(_key(secret), digestmod=hashlib.sha256)


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SecretMalformed("A secret is whsec_ and the base64 of 24 to 64 bytes.") from error
    if not secret.startswith(SECRET_PREFIX) or len(key) not in SECRET_SIZES:
        raise SecretMalformed("A secret is whsec_ and the base64 of 24 to 64 bytes.")
    return key
