"""A partner's side of signed requests, for tests: a pair of keys, and headers that sign."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from http_message_signatures import ContentDigest, HTTPMessageSigner, MappingKeyResolver
from http_message_signatures.algorithms import ED25519

from accounts.services.keys import create_key
from tests.cast import PREFIX, Api

PRIVATE_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_PRIVATE_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
PUBLIC_KEY = (
    PRIVATE_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
)


class _AnyDigest(ContentDigest):
    """Signs a digest as it stands, so that a wrong one can be sent."""

    @classmethod
    def prepare(cls, headers: Any, body: bytes | None, *, use_existing_digest: bool) -> None:
        """Nothing."""


class _Signer(HTTPMessageSigner):
    content_digest_class = _AnyDigest


@dataclass
class Message:
    """What is signed."""

    method: str
    url: str
    headers: dict[str, str]


def digest_of(body: bytes) -> str:
    """The value of ``Content-Digest``."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


class Signer(Api):
    """A client with a key of one partner that signs what it sends."""

    def __init__(self, *, scopes: Sequence[str] = (), requires_signature: bool = True) -> None:
        row, key = create_key(
            partner_code="acme",
            scopes=scopes,
            actor="test",
            public_key=PUBLIC_KEY,
            requires_signature=requires_signature,
        )
        super().__init__(key)
        self.key = key
        self.row = row

    def sign(
        self,
        method: str = "GET",
        path: str = "/key",
        body: bytes = b"",
        *,
        covered: Sequence[str] | None = None,
        headers: dict[str, str] | None = None,
        private_key: Ed25519PrivateKey = PRIVATE_KEY,
        key_id: str | None = None,
        url: str | None = None,
        **parameters: Any,
    ) -> dict[str, str]:
        """Headers for a request, as the documentation says, but for what is given.

        :param parameters: ``created``, ``nonce``, ``expires``, ``include_alg``, ``tag``…
        """
        signed = {"authorization": f"Bearer {self.key}", **(headers or {})}
        names = ["@method", "@target-uri", "authorization", *(headers or {})]
        if body:
            signed["content-digest"] = digest_of(body)
            names.append("content-digest")
        message = Message(method, url or f"{settings.PUBLIC_URL}{PREFIX}{path}", signed)
        key_id = key_id or self.row.prefix
        resolver = MappingKeyResolver(public_keys={}, private_keys={key_id: private_key})
        _Signer(signature_algorithm=ED25519, key_resolver=resolver).sign(
            message,
            key_id=key_id,
            covered_component_ids=names if covered is None else covered,
            **{
                "created": datetime.now(UTC),
                "nonce": secrets.token_urlsafe(16),
                "label": "sig",
                **parameters,
            },
        )
        return message.headers
