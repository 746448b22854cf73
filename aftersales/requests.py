"""What a merchant asks for when it files a claim."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from aftersales.models import ClaimType


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """A claim on units of one suborder.

    :param merchant_aftersale_no: empty when an operator opens it for the merchant.
    :param items: line numbers as the API has them, text, each once, and quantities.
    :param reason: the code of one on the operators' list.
    :param pictures: ids of uploaded pictures, each once.
    """

    merchant_aftersale_no: str
    order_no: str
    type: ClaimType
    items: Sequence[tuple[str, int]]
    reason: str
    description: str = ""
    pictures: Sequence[str] = ()

    def fingerprint(self) -> bytes:
        """What makes a request "the same": everything but its number. The order of the items does
        not count, that of the pictures does: they are shown in it.
        """
        asked = [
            self.order_no,
            self.type.value,
            sorted(self.items),
            self.reason,
            self.description,
            list(self.pictures),
        ]
        return hashlib.sha256(orjson.dumps(asked)).digest()
