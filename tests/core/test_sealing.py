"""Secrets that are stored cannot be read there."""

from __future__ import annotations

from typing import Any

import pytest

from openplatform.core.sealing import SealBroken, seal, unseal


def test_text_comes_back_when_it_was_sealed() -> None:
    sealed = seal("s3cret 密")

    assert b"s3cret" not in sealed
    assert unseal(sealed) == "s3cret 密"
    assert unseal(memoryview(sealed)) == "s3cret 密"
    assert seal("s3cret 密") != sealed


def test_nothing_stays_nothing() -> None:
    assert (seal(""), unseal(b"")) == (b"", "")


def test_old_key_opens_only_while_it_is_a_fallback(settings: Any) -> None:
    sealed = seal("s3cret")
    old = settings.SECRET_KEY
    settings.SECRET_KEY = "a new key"

    with pytest.raises(SealBroken):
        unseal(sealed)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert unseal(sealed) == "s3cret"


def test_refused_when_a_bit_was_changed() -> None:
    sealed = bytearray(seal("s3cret"))
    sealed[20] ^= 1

    with pytest.raises(SealBroken):
        unseal(bytes(sealed))
