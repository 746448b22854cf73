"""Which column of a merchant's file is what: by its name in the head, in Chinese or English."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

REQUIRED = ("merchant_order_no", "kind", "amount")
OPTIONAL = ("at", "status", "merchant_aftersale_no")
FIELDS = (*REQUIRED, *OPTIONAL)
MAX_HEAD = 200  # characters of a name, as many as a mapping keeps
MAX_COLUMNS = 200  # that are looked at

# As the names are after `_plain`. Where a file has names of several rows, the first row counts:
# "商户订单号" is theirs for certain, "订单号" only where nothing else is.
NAMES: Mapping[str, Sequence[frozenset[str]]] = {
    "merchant_order_no": (
        frozenset(
            {
                "merchantorderno", "merchantordernumber", "merchantsordernumber", "yourorderno",
                "yourordernumber", "商户订单号", "商家订单号", "商户单号", "外部订单号",
                "渠道订单号", "客户订单号", "贵方订单号",
            }
        ),
        frozenset({"orderno", "ordernumber", "orderid", "order", "订单号", "订单编号", "单号"}),
        frozenset({"reference", "referenceno", "流水号", "参考号"}),
    ),
    "kind": (
        frozenset({"kind", "业务类型", "交易类型", "流水类型", "账务类型", "资金类型"}),
        frozenset({"type", "transactiontype", "类型", "种类", "类别", "业务"}),
    ),
    "amount": (
        frozenset({"amount", "金额", "发生额", "发生金额", "变动金额", "交易金额", "收支金额"}),
        frozenset({"total", "totalamount", "总金额", "合计金额", "入账金额", "结算金额"}),
    ),
    "at": (
        frozenset({"at", "交易时间", "发生时间", "入账时间", "记账时间", "交易日期", "入账日期"}),
        frozenset({"time", "date", "datetime", "时间", "日期", "日期时间", "发生日期", "记账日期"}),
        frozenset({"createdat", "paidat", "创建时间", "支付时间", "付款时间", "下单时间"}),
    ),
    "status": (
        frozenset({"status", "state", "状态", "订单状态", "交易状态"}),
        frozenset({"orderstatus", "paymentstatus", "支付状态"}),
    ),
    "merchant_aftersale_no": (
        frozenset(
            {
                "merchantaftersaleno", "merchantaftersalenumber", "merchantsclaimnumber",
                "yourclaimno", "yourclaimnumber", "商户售后单号", "商家售后单号", "外部售后单号",
                "商户退款单号", "贵方售后单号",
            }
        ),
        frozenset({"claimno", "claimnumber", "refundno", "refundnumber", "售后单号", "退款单号"}),
    ),
}  # fmt: skip
IN_BRACKETS = re.compile(r"\([^()]*\)")
NO_LETTERS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Head:
    """Where the columns are. ``columns`` names them as the file does, ``places`` counts from 0."""

    row: int
    cells: Sequence[str]
    columns: Mapping[str, str]
    places: Mapping[str, int]


class HeadUnclear(Exception):
    """Several columns may be one field; ``column`` is the name that is told."""

    def __init__(self, text: str, column: str) -> None:
        super().__init__(text)
        self.text = text
        self.column = column


def find_head(
    row: int,
    cells: Sequence[str],
    *,
    given: Mapping[str, str] | None,
    remembered: Mapping[tuple[str, ...], Mapping[str, str]],
) -> Head | None:
    """The head, when this row is it; None when it is not.

    A mapping that was given counts before one that was remembered for a head just like this one,
    and both before the names that we know. One that lacks a required field is filled up by these;
    a whole one is not, so that columns can be left out.

    :raises HeadUnclear: when it is, but a name stands there twice, or two names mean one field.
    """
    cells = cells[:MAX_COLUMNS]
    if given is not None:
        if all(field in given for field in REQUIRED):
            return _mapped(row, cells, given)
        return _filled_up(row, cells, given)
    if (known := remembered.get(tuple(cells))) is not None:
        return _mapped(row, cells, known)
    return _recognised(row, cells)


def suggest(cells: Sequence[str]) -> dict[str, str]:
    """The fields whose columns are clear by their names, for a page that asks for the others."""
    found = {}
    for field in FIELDS:
        try:
            place = _place_of(field, [_plain(cell) for cell in cells], cells)
        except HeadUnclear:
            continue
        if place is not None:
            found[field] = cells[place]
    return found


def _mapped(row: int, cells: Sequence[str], columns: Mapping[str, str]) -> Head | None:
    if any(name not in cells for name in columns.values()):
        return None
    for name in columns.values():
        if cells.count(name) > 1:
            raise HeadUnclear(_("This name stands in the head twice"), name)
    return Head(row, cells, columns, {field: cells.index(name) for field, name in columns.items()})


def _filled_up(row: int, cells: Sequence[str], given: Mapping[str, str]) -> Head | None:
    head = _mapped(row, cells, given)
    if head is None:
        return None
    taken = set(head.places.values())
    plain = ["" if place in taken else _plain(cell) for place, cell in enumerate(cells)]
    places = dict(head.places)
    for field in FIELDS:
        if field not in places and (place := _place_of(field, plain, cells)) is not None:
            places[field] = place
    if not all(field in places for field in REQUIRED):
        return None
    return Head(row, cells, {field: cells[place] for field, place in places.items()}, places)


def _recognised(row: int, cells: Sequence[str]) -> Head | None:
    plain = [_plain(cell) for cell in cells]
    known = {name for field in REQUIRED for names in NAMES[field] for name in names}
    if not known.intersection(plain):
        return None
    if not all(any(names.intersection(plain) for names in NAMES[field]) for field in REQUIRED):
        return None
    places = {}
    for field in FIELDS:
        place = _place_of(field, plain, cells)
        if place is not None:
            places[field] = place
    return Head(row, cells, {field: cells[place] for field, place in places.items()}, places)


def _place_of(field: str, plain: Sequence[str], cells: Sequence[str]) -> int | None:
    for names in NAMES[field]:
        found = [place for place, name in enumerate(plain) if name in names]
        if len(found) == 1:
            return found[0]
        if found:
            shown = ", ".join(cells[place] for place in found)
            text = _("Several columns may be “%(field)s” (%(columns)s); say which one") % {
                "field": field,
                "columns": shown,
            }
            raise HeadUnclear(text, cells[found[0]])
    return None


def _plain(cell: str) -> str:
    """A name without what makes no difference: case, blanks, signs, ``(元)`` behind it."""
    text = unicodedata.normalize("NFKC", cell).lower()
    return NO_LETTERS.sub("", IN_BRACKETS.sub("", text))
