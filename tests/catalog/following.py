"""A merchant's program that keeps a copy of the catalogue, and the server's word on all of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.cast import Api

PROVINCES = ("110000", "310000", "440000", "650000")
LONG_AGO = "2000-01-01T00:00:00Z"
PAGE = 7  # SKUs; there is to be many a page
DETAIL_NEWS = {"pool.sku_added", "sku.on_shelf", "sku.off_shelf", "sku.updated"}
PRICE_NEWS = {"pool.sku_added", "price.changed", "price.announced"}
STOCK_NEWS = {"pool.sku_added", "stock.changed", "sku.on_shelf", "sku.off_shelf"}

Documents = dict[str, dict[str, Any]]


def nothing() -> None:
    """What goes on between two pages when nothing does."""


def _parcels(codes: Iterable[str]) -> Iterator[list[str]]:
    ordered = sorted(codes)
    return (ordered[start : start + 100] for start in range(0, len(ordered), 100))


def read_by_code(api: Api, path: str, codes: Iterable[str]) -> Documents:
    """Batch reads of these codes; those that cannot be seen are left out."""
    found: Documents = {}
    for parcel in _parcels(codes):
        for row in api.get(path, sku=",".join(parcel)).json()["results"]:
            if "error" not in row:
                found[row["sku"]] = row
    return found


def read_stock(api: Api, details: Documents, codes: Iterable[str]) -> dict[str, dict[str, bool]]:
    """By SKU and province (``""`` for anywhere), whether its minimum quantity is in stock."""
    answers: dict[str, dict[str, bool]] = {code: {} for code in codes if code in details}
    for region in ("", *PROVINCES):
        for parcel in _parcels(answers):
            items = [{"sku": code, "quantity": details[code]["min_quantity"]} for code in parcel]
            body = {"items": items, **({"region": region} if region else {})}
            for row in api.post("/catalog/stock-checks", body).json()["results"]:
                if "error" not in row:
                    answers[row["sku"]][region] = row["in_stock"]
    return answers


def list_pages(api: Api, since: str, between: Callable[[], None]) -> Iterator[dict[str, Any]]:
    """The bodies of ``GET /catalog/skus?updated_after=``, page by page."""
    body = api.get("/catalog/skus", updated_after=since, limit=PAGE).json()
    yield body
    while body["next"]:
        between()
        body = api.get(body["next"].partition("/api/v1")[2]).json()
        yield body


@dataclass
class Copy:
    """All that can be read of the catalogue. Times of update are apart: they are no content."""

    details: Documents = field(default_factory=dict)
    prices: Documents = field(default_factory=dict)
    stock: dict[str, dict[str, bool]] = field(default_factory=dict)
    categories: list[dict[str, Any]] = field(default_factory=list)

    def content_of(self, code: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """What a new time of update would tell of."""
        if code not in self.details:
            return None
        details = {**self.details[code], "updated_at": None}
        return details, self.prices[code]

    def contents(self) -> dict[str, Any]:
        """All content, to be compared."""
        return {
            "skus": {code: self.content_of(code) for code in sorted(self.details)},
            "stock": self.stock,
            "categories": self.categories,
        }


def read_everything(api: Api) -> Copy:
    """What the server answers for everything that the merchant sees, by the list of codes."""
    body = api.get("/catalog/skus", limit=100).json()
    codes = [row["sku"] for row in body["results"]]
    while body["next"]:
        body = api.get(body["next"].partition("/api/v1")[2]).json()
        codes += [row["sku"] for row in body["results"]]
    details = read_by_code(api, "/catalog/details", codes)
    shelf = read_by_code(api, "/catalog/shelf-states", codes)
    assert {code: row["shelf_state"] for code, row in details.items()} == {
        code: row["shelf_state"] for code, row in shelf.items()
    }
    return Copy(
        details,
        read_by_code(api, "/catalog/prices", codes),
        read_stock(api, details, codes),
        api.get("/catalog/categories").json()["results"],
    )


class Follower:
    """Begins with nothing: a list by update, then what messages tell, and nothing else."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.copy = Copy()
        self.as_of = LONG_AGO
        self.after = 0

    def begin(self, between: Callable[[], None] = nothing) -> None:
        """Note where the messages are, then list everything while changes go on."""
        self.after = self.api.get("/messages").json()["head"]
        for page in list_pages(self.api, LONG_AGO, between):
            self.as_of = min(self.as_of, page["as_of"]) if self.as_of != LONG_AGO else page["as_of"]
            codes = [row["sku"] for row in page["results"]]
            self._read(details=codes, prices=codes, stock=codes)
        self.copy.categories = self.api.get("/catalog/categories").json()["results"]

    def catch_up(self) -> list[str]:
        """Read the messages that came since; answers their types."""
        heard: list[str] = []
        details: set[str] = set()
        prices: set[str] = set()
        stock: set[str] = set()
        head = self.after + 1
        while self.after < head:
            feed = self.api.get("/messages", after=self.after, limit=100).json()
            for message in feed["results"]:
                kind, skus = message["type"], message["data"].get("skus", [])
                heard.append(kind)
                if kind == "pool.sku_removed":
                    self._forget(skus)
                details.update(skus if kind in DETAIL_NEWS else ())
                is_price_news = kind in PRICE_NEWS or "tax_rate" in message["data"].get(
                    "fields", []
                )
                prices.update(skus if is_price_news else ())
                stock.update(skus if kind in STOCK_NEWS else ())
            self.after, head = feed["next_after"], feed["head"]
        self._read(details=details, prices=prices, stock=stock)
        if heard:  # which categories are in use follows from the SKUs, so any news may move them
            self.copy.categories = self.api.get("/catalog/categories").json()["results"]
        return heard

    def list_again(self) -> None:
        """What the list by update has since the last time."""
        pages = list(list_pages(self.api, self.as_of, nothing))
        self.as_of = pages[0]["as_of"]
        codes = [row["sku"] for page in pages for row in page["results"]]
        self._read(details=codes, prices=codes, stock=())

    def _read(
        self, *, details: Collection[str], prices: Collection[str], stock: Collection[str]
    ) -> None:
        """Only what was told to have changed; what is not to be seen any more goes."""
        found = read_by_code(self.api, "/catalog/details", details)
        self._forget(set(details) - set(found))
        self.copy.details |= found
        known = self.copy.details
        self.copy.prices |= read_by_code(self.api, "/catalog/prices", set(prices) & set(known))
        self.copy.stock |= read_stock(self.api, known, stock)

    def _forget(self, codes: Iterable[str]) -> None:
        for code in codes:
            for part in (self.copy.details, self.copy.prices, self.copy.stock):
                part.pop(code, None)
