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


FORMS = "catalog.api.events"
SKUS = f"{FORMS}.SkuNewsSerializer"
MESSAGE_TYPES = (
    MessageType(
        "pool.sku_added",
        _("SKUs came into your pools"),
        details=_("You see them from now on: read their details, prices and stock."),
        serializer=SKUS,
        merges_with="pool",
    ),
    MessageType(
        "pool.sku_removed",
        _("SKUs left your pools"),
        details=_("You see them no longer and cannot order them. Orders that were placed go on."),
        serializer=SKUS,
        merges_with="pool",
    ),
    MessageType(
        "sku.on_shelf",
        _("SKUs can be ordered"),
        details=_("They are on the shelf. Whether there is enough stock is another question."),
        serializer=SKUS,
        merges_with="shelf",
    ),
    MessageType(
        "sku.off_shelf",
        _("SKUs can no longer be ordered"),
        details=_("They are off the shelf. Orders that were placed go on."),
        serializer=SKUS,
        merges_with="shelf",
    ),
    MessageType(
        "sku.updated",
        _("Details of SKUs changed, in the fields named"),
        details=_("Read the details of these SKUs again; prices have messages of their own."),
        serializer=f"{FORMS}.SkuDetailNewsSerializer",
        merges_with="content",
        fold=unite_fields,
    ),
    MessageType(
        "price.changed",
        _("Prices of SKUs changed"),
        details=_("Some price of theirs is another one for you now: read the prices again."),
        serializer=SKUS,
        merges_with="price",
    ),
    MessageType(
        "price.announced",
        _("Prices of SKUs will change at a set time, or will not after all"),
        details=_(
            "Read the prices again: next_change has what will hold then. Without a time, no change"
            " that was announced for these SKUs comes any more. When prices move, price.changed"
            " follows."
        ),
        serializer=f"{FORMS}.PriceToComeSerializer",
        merges_with="price to come",
        fold=keep_moments,
    ),
    MessageType(
        "stock.changed",
        _("The stock answer for the minimum quantity turned in some region"),
        details=_(
            "In at least one place of these provinces the answer is now the one told. Numbers of"
            " units are never told; ask for the stock of a SKU to know about a quantity or place."
        ),
        serializer=f"{FORMS}.StockNewsSerializer",
        merges_with="stock",
        fold=keep_regions,
    ),
    MessageType(
        "category.changed",
        _("Categories that you use changed"),
        details=_(
            "Categories got another name or place, or came into use by your goods or out of it:"
            " read them again."
        ),
        serializer=f"{FORMS}.CategoryNewsSerializer",
    ),
)
