"""The types of messages, and who hears of a SKU. Apps above register theirs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from openplatform.core.errors import type_of_text


@dataclass(frozen=True)
class MessageType:
    """One type of the contract.

    :param merges_with: names a group of SKU types in which only the last state of a SKU counts
        (``pool.sku_added`` and ``pool.sku_removed``); None for messages that stand alone.
    """

    name: str
    description: type_of_text
    merges_with: str | None = None


Audience = Callable[[Collection[str]], Mapping[int, Collection[str]]]

TYPES: dict[str, MessageType] = {}
_audience: list[Audience] = []
_partners: list[Callable[[], Collection[int]]] = []


def register(*types: MessageType) -> None:
    """Make types known; ``publish`` refuses others."""
    TYPES.update({message_type.name: message_type for message_type in types})


def register_sku_audience(audience: Audience) -> None:
    """Say who sees SKUs: from codes to ``{partner_id: codes that the partner sees}``."""
    _audience[:] = [audience]


def sku_audience(skus: Collection[str]) -> Mapping[int, Collection[str]]:
    """The partners that see these SKUs now, each with those that it sees."""
    return _audience[0](skus)


def register_partners(partners: Callable[[], Collection[int]]) -> None:
    """Say who all the partners are, by their ids."""
    _partners[:] = [partners]


def list_partners() -> Collection[int]:
    """The receivers of a message for everybody: the partners there are now."""
    return _partners[0]()
