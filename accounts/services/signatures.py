"""Signed requests: HTTP Message Signatures (RFC 9421) by Ed25519, each good for one use.

Of a partner's pair of keys we hold the public half, so what a signature proves, we cannot forge.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from django.db import connection
from django.utils.translation import gettext_lazy as _
from http_message_signatures import (
    ContentDigest,
    HTTPMessageSignaturesException,
    HTTPMessageVerifier,
    MappingKeyResolver,
)
from http_message_signatures.algorithms import ED25519

from openplatform.core.errors import FieldInvalid, SignatureInvalid

MAX_AGE = timedelta(minutes=5)
CLOCK_SKEW = timedelta(seconds=10)
# Longer than any signature lives by any server's clock, so that none outlives its nonce.
NONCE_KEPT_MINUTES = 10
PRUNED_AT_ONCE = 1000
MAX_PUBLIC_KEY = 2000  # characters; one has about 113
NONCE = re.compile(r"[!-~]{16,128}", re.ASCII)
ALWAYS_COVERED = ("@method", "@target-uri", "authorization")
COVERED_WHEN_SENT = ("idempotency-key",)
DIGEST = "content-digest"

KEEP_NONCE = """
    INSERT INTO accounts_requestnonce (key_id, nonce, expires_at)
    VALUES (%s, %s, clock_timestamp() + make_interval(mins => %s))
    ON CONFLICT ON CONSTRAINT request_nonce_unique_per_key DO NOTHING
"""
PRUNE_NONCES = """
    DELETE FROM accounts_requestnonce WHERE id IN (
        SELECT id FROM accounts_requestnonce WHERE expires_at < statement_timestamp()
        ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED
    )
"""


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A request as its sender saw it: ``url`` in full, header names in small letters."""

    method: str
    url: str
    headers: Mapping[str, str]


class _Verifier(HTTPMessageVerifier):
    max_clock_skew = CLOCK_SKEW


def read_public_key(text: str) -> str:
    """A public key in the one form that is stored: PEM, ending with a line break.

    :raises FieldInvalid: unless it is an Ed25519 public key in PEM.
    """
    try:
        key = load_pem_public_key(text.strip().encode()) if len(text) <= MAX_PUBLIC_KEY else None
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise FieldInvalid(
            _("This is no Ed25519 public key in PEM (-----BEGIN PUBLIC KEY-----)"),
            pointer="/public_key",
        )
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def load_public_key(pem: str) -> Ed25519PublicKey:
    """The key behind a PEM that :func:`read_public_key` gave."""
    key = load_pem_public_key(pem.encode())
    assert isinstance(key, Ed25519PublicKey)  # noqa: S101 - nothing else is stored
    return key


def verify_signature(
    *,
    message: SignedMessage,
    has_body: bool,
    prefix: str,
    public_key: Ed25519PublicKey,
) -> str:
    """The nonce of a signature that holds: exactly one, by this key, of an age that is allowed,
    over all that must be covered.

    The nonce is for :func:`use_nonce`, once the caller is within its limits. The digest of a body
    is covered here and compared by :func:`verify_content_digest` once the body is there.

    :raises SignatureInvalid: with the ``reason`` as a fact.
    """
    covered = [*ALWAYS_COVERED, *(name for name in COVERED_WHEN_SENT if name in message.headers)]
    if has_body or DIGEST in message.headers:
        covered.append(DIGEST)
    verifier = _Verifier(
        signature_algorithm=ED25519,
        key_resolver=MappingKeyResolver(public_keys={prefix: public_key}, private_keys={}),
    )
    try:
        (result,) = verifier.verify(message, max_age=MAX_AGE, require_components=covered)
    except HTTPMessageSignaturesException as error:
        raise _invalid(str(error) or "The signature was not made of this request") from error
    if result.nonce is None or not NONCE.fullmatch(result.nonce):
        raise _invalid("The nonce must have 16 to 128 visible ASCII characters")
    return result.nonce


def use_nonce(*, key_id: int, nonce: str) -> None:
    """Keep the nonce of a signature that holds; whoever comes second with it, in whatever process,
    is refused.

    :raises SignatureInvalid: when it was used before.
    """
    with connection.cursor() as cursor:
        cursor.execute(KEEP_NONCE, [key_id, nonce, NONCE_KEPT_MINUTES])
        if not cursor.rowcount:
            raise _invalid("The nonce was used before")


def verify_content_digest(*, digest: str, body: bytes) -> None:
    """Accept a body whose digest was signed (RFC 9530; ``sha-256`` or ``sha-512``).

    :raises SignatureInvalid: when it is another body.
    """
    try:
        ContentDigest.verify(digest, body)
    except HTTPMessageSignaturesException as error:
        raise _invalid(str(error)) from error


def prune_nonces() -> int:
    """Forget nonces that no signature can come with any more; answers how many."""
    with connection.cursor() as cursor:
        cursor.execute(PRUNE_NONCES, [PRUNED_AT_ONCE])
        return int(cursor.rowcount)


def _invalid(reason: str) -> SignatureInvalid:
    return SignatureInvalid(pointer="Signature", reason=reason)
