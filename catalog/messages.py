"""What merchants are told of the catalogue."""

from __future__ import annotations

import orjson
from django.utils.translation import gettext_lazy as _

from openplatform.messaging.types import MessageType, News, Told


def unite_fields(told: Told, news: News) -> Told:
    """``sku.updated``: every field that moved."""
    fields = {name for one in (*told, news) for name in orjson.loads(one.facts)["fields"]}
    return (News(news.type, orjson.dumps({"fields": sorted(fields)}).decode()),)


def keep_moments(told: Told, news: News) -> Told:
    """``price.announced``: every moment once; one that was withdrawn ends what was said before."""
    if orjson.loads(news.facts)["effective_at"] is None:
        return (news,)
    return (*(one for one in told if one != news), news)


def keep_regions(told: Told, news: News) -> Told:
    """``stock.changed``: the last answer of every region; the one for all regions goes first."""
    answers: dict[str | None, bool] = {}
    for one in (*told, news):
        facts = orjson.loads(one.facts)
        if facts["regions"] is None:
            answers = {None: facts["in_stock"]}
        else:
            answers |= dict.fromkeys(facts["regions"], facts["in_stock"])
    left: list[News] = []
    if None in answers:
        left.append(_stock_news(news.type, None, in_stock=answers.pop(None)))
    for in_stock in (True, False):
        regions = sorted(str(code) for code, answer in answers.items() if answer is in_stock)
        if regions:
            left.append(_stock_news(news.type, regions, in_stock=in_stock))
    return tuple(left)


def _stock_news(type_name: str, regions: list[str] | None, *, in_stock: bool) -> News:
    facts = orjson.dumps({"in_stock": in_stock, "regions": regions}).decode()
    return News(type_name, facts)


MESSAGE_TYPES = (
    MessageType("pool.sku_added", _("SKUs came into your pools"), merges_with="pool"),
    MessageType("pool.sku_removed", _("SKUs left your pools"), merges_with="pool"),
    MessageType("sku.on_shelf", _("SKUs can be ordered"), merges_with="shelf"),
    MessageType("sku.off_shelf", _("SKUs can no longer be ordered"), merges_with="shelf"),
    MessageType(
        "sku.updated",
        _("Details of SKUs changed, in the fields named"),
        merges_with="content",
        fold=unite_fields,
    ),
    MessageType("price.changed", _("Prices of SKUs changed"), merges_with="price"),
    MessageType(
        "price.announced",
        _("Prices of SKUs will change at a set time, or will not after all"),
        merges_with="price to come",
        fold=keep_moments,
    ),
    MessageType(
        "stock.changed",
        _("The stock answer for the minimum quantity turned in some region"),
        merges_with="stock",
        fold=keep_regions,
    ),
    MessageType("category.changed", _("Categories that you use changed")),
)
