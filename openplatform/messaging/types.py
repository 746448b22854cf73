"""The types of messages, and who hears of a SKU. Apps above register theirs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import NamedTuple

from openplatform.core.errors import type_of_text


class News(NamedTuple):
    """What is told of one SKU. ``facts``: what the message says besides the codes, as JSON."""

    type: str
    facts: str


Told = tuple[News, ...]
Fold = Callable[[Told, News], Told]


def keep_last(told: Told, news: News) -> Told:
    """Only the last state counts."""
    return (news,)


@dataclass(frozen=True)
class MessageType:
    """One type of the contract. `docs/schemas` and the catalogue of events are made from it.

    :param description: what happened, in a few words.
    :param details: when it is told and what to do about it, in a sentence or two.
    :param serializer: the form of ``data``, as a dotted path, which is not followed before somebody
        asks for the form: ``orders.api.events.OrderNewsSerializer``. The dictionary ``EXAMPLES`` of
        that module has a ``data`` for each type that is told in its forms.
    :param version: of the form. A field more is the same version; for anything else raise it, and
        the schema of the version before stays published (``manage.py write_event_schemas``).
    :param merges_with: names a group of types about SKUs that are told together
        (``pool.sku_added`` and ``pool.sku_removed``), at most 100 to a message; None for messages
        that stand alone.
    :param fold: what is left to tell of one SKU when another message of its group follows those
        that have not gone out yet, in the order in which it is to be told.
    """

    name: str
    description: type_of_text
    _: KW_ONLY
    details: type_of_text
    serializer: str
    version: int = 1
    merges_with: str | None = None
    fold: Fold = keep_last


Audience = Callable[[Collection[str]], Mapping[int, Collection[str]]]
Narrowing = Callable[[Collection[int], Collection[str]], Mapping[int, Collection[str]]]

TYPES: dict[str, MessageType] = {}
_audience: list[Audience] = []
_narrowing: list[Narrowing] = []
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


def register_sku_narrowing(narrowing: Narrowing) -> None:
    """Say who wants to hear of some SKUs only: from partners and codes to ``{partner_id: the codes
    of these that it wants}``, with an entry for those partners alone.
    """
    _narrowing[:] = [narrowing]


def wanted_skus(
    partner_ids: Collection[int], skus: Collection[str]
) -> Mapping[int, Collection[str]]:
    """The partners among these that want to hear of some SKUs only, each with those it wants."""
    return _narrowing[0](partner_ids, skus) if _narrowing and partner_ids else {}


def register_partners(partners: Callable[[], Collection[int]]) -> None:
    """Say who all the partners are, by their ids."""
    _partners[:] = [partners]


def list_partners() -> Collection[int]:
    """The receivers of a message for everybody: the partners there are now."""
    return _partners[0]()
