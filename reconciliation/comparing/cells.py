"""From the cells of a merchant's file to values. What could mean two things is refused."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from accounts.models import LedgerEntry
from openplatform.core import money
from openplatform.core.clock import PLATFORM_ZONE, YEARS
from openplatform.core.errors import StringInvalid
from openplatform.imports.errors import CellInvalid
from openplatform.imports.parsers import text_of
from orders.states import OrderStatus

K = LedgerEntry.Kind
# Rows of our own statements that explain an entry, whose amount stands in the entry's own row.
DETAILS = frozenset({"order_line", "order_freight"})
KINDS: Mapping[str, str] = {
    **{kind.value: kind.value for kind in K},
    **{kind.value.replace("_", " "): kind.value for kind in K},
    **dict.fromkeys(("topup", "top-up", "deposit", "充值", "入金", "存款", "预存"), K.TOP_UP.value),
    **dict.fromkeys(
        ("payment", "order", "purchase", "订单支付", "订单付款", "支付", "付款", "扣款", "订单扣款",
         "消费", "采购"),
        K.ORDER_PAYMENT.value,
    ),
    **dict.fromkeys(("refunds", "退款", "订单退款", "售后退款", "退货退款"), K.REFUND.value),
    **dict.fromkeys(("correction", "调账", "调整", "余额调整", "冲正"), K.ADJUSTMENT.value),
    **dict.fromkeys(("withdraw", "payout", "提现", "出金", "取款"), K.WITHDRAWAL.value),
}  # fmt: skip
TOTALS = frozenset(
    {"total", "totals", "sum", "subtotal", "grand total", "合计", "总计", "小计", "总额"}
)

# What a state is called. Those in the middle say no more than that the money moved.
MOVED = "moved"
STATES: Mapping[str, str] = {
    **{status.value: status.value for status in OrderStatus},
    **{status.value.replace("_", " "): status.value for status in OrderStatus},
    "待付款": "pending_payment", "待支付": "pending_payment", "未支付": "pending_payment",
    "已取消": "cancelled", "取消": "cancelled", "canceled": "cancelled",
    "已过期": "expired", "已超时": "expired", "超时关闭": "expired",
    "已支付": "paid", "已付款": "paid", "待发货": "paid", "awaiting_shipment": "paid",
    "部分发货": "partly_shipped", "已发货": "shipped", "运输中": "shipped",
    "已签收": "delivered", "已送达": "delivered", "已收货": "delivered",
    "已完成": "completed", "完成": "completed", "交易完成": "completed",
    "已关闭": "closed", "关闭": "closed", "交易关闭": "closed",
    "refunded": "refunded", "已退款": "refunded", "退款成功": "refunded", "退款完成": "refunded",
    "rejected": "rejected", "已拒绝": "rejected", "已驳回": "rejected",
    "submitted": "submitted", "待审核": "submitted", "pending": "submitted", "处理中": "submitted",
    "退款中": "submitted",
    "approved": "approved", "已审核": "approved", "审核通过": "approved",
    **dict.fromkeys(
        ("success", "succeeded", "ok", "done", "booked", "settled", "成功", "交易成功", "支付成功",
         "已入账", "已到账", "已记账", "已结算", "正常"),
        MOVED,
    ),
}  # fmt: skip

MAX_NUMBER, MAX_STATE, MAX_AT = 64, 32, 40
# A spreadsheet's own way with long numbers, whose last digits are gone by then.
ROUNDED = re.compile(r"[0-9](\.[0-9]+)?[eE]\+?[0-9]{1,3}", re.ASCII)
SIMPLE = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,2})?", re.ASCII)
PLAIN = re.compile(r"[0-9]{1,12}(\.[0-9]+)?", re.ASCII)
GROUPED = re.compile(r"[0-9]{1,3}([, ])[0-9]{3}(\1[0-9]{3}){0,3}(\.[0-9]+)?", re.ASCII)
CURRENCY = re.compile(r"cny|rmb|[¥元]", re.IGNORECASE)
DASHES = str.maketrans({"−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "﹣": "-"})

DAY_FIRST_YEAR = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})", re.ASCII)
DAY_IN_CHINESE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日", re.ASCII)
DAY_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?=\d{6}$|\d{4}$|$|[ T])", re.ASCII)
DAY_OR_MONTH_FIRST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})", re.ASCII)
TIME = re.compile(
    r"[T ]?(\d{1,2})[:时](\d{1,2})(?:[:分](\d{1,2})?(?:\.\d{1,9})?)?秒?(Z|[+-]\d{2}:?\d{2})?",
    re.ASCII | re.IGNORECASE,
)
TIME_COMPACT = re.compile(r"[T ]?(\d{2})(\d{2})(\d{2})?", re.ASCII)
MONTHS = 12

_NOT_AN_AMOUNT = _("An amount is written as -1,234.50, with at most two decimals")
_NO_DAY = _(
    "A day is written as YYYY-MM-DD (2026-01-31), 2026/1/31, 2026.01.31, 20260131 or 2026年1月31日"
)
_parse_number = text_of(MAX_NUMBER)
_parse_state = text_of(MAX_STATE)


def parse_number(text: str) -> str:
    """A document's number; blank stays blank.

    :raises CellInvalid: for one that a spreadsheet has rounded, too long, or with what nobody sees.
    """
    text = text.removeprefix("'")
    if ROUNDED.fullmatch(text):
        raise CellInvalid(
            _("A spreadsheet has taken this number for an amount and rounded it; keep it as text")
        )
    return str(_parse_number(text)) if text else ""


@functools.lru_cache(maxsize=1000)
def parse_kind(text: str) -> str:
    """The kind of an entry, or one of :data:`DETAILS`.

    :raises CellInvalid: for a word that we do not know.
    """
    word = _word(text)
    if word in DETAILS:
        return word
    if word not in KINDS:
        known = ", ".join(K.values)
        raise CellInvalid(_("The kind is one of: %(kinds)s") % {"kinds": known})
    return KINDS[word]


def parse_amount(text: str) -> Decimal:
    """A signed amount: thousands set off or not, full-width or not, with the currency or not;
    a negative one by a sign before or behind it, or in brackets.

    :raises CellInvalid: for anything else, and for more than two decimals.
    """
    if SIMPLE.fullmatch(text):  # as most of them are
        return Decimal(text).quantize(money.CENT)
    plain = unicodedata.normalize("NFKC", text).translate(DASHES).removeprefix("'").strip()
    is_negative = False
    if plain.startswith("(") and plain.endswith(")"):
        is_negative, plain = True, plain[1:-1]
    plain, signs = _without_signs(CURRENCY.sub(" ", plain, count=1).strip())
    if signs not in {"", "-", "+"} or (is_negative and signs):
        raise CellInvalid(_NOT_AN_AMOUNT)
    if not PLAIN.fullmatch(plain) and not GROUPED.fullmatch(plain):
        raise CellInvalid(_NOT_AN_AMOUNT)
    amount = Decimal(plain.replace(",", "").replace(" ", ""))
    exact = amount.quantize(money.CENT)
    if exact != amount or exact >= money.LIMIT:
        raise CellInvalid(_NOT_AN_AMOUNT)
    return -exact if is_negative or signs == "-" else exact


def _without_signs(text: str) -> tuple[str, str]:
    """An amount without the signs before and behind it, and these."""
    bare = text.strip("+-").strip()
    signs = text.replace(bare, "", 1).replace(" ", "") if bare else text
    return bare, signs


@functools.lru_cache(maxsize=10_000)
def parse_day(text: str) -> date:
    """The day of a date or time on the platform's calendar.

    Day and month in front of the year are told apart where only one reading is possible.

    :raises CellInvalid: for anything else, for days that there are not, and where it is not clear
        which is the day and which the month.
    """
    plain = unicodedata.normalize("NFKC", text).strip().removeprefix("'")
    year, month, day, rest = _day_of(plain)
    hour, minute, second, zone = _time_of(rest)
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=PLATFORM_ZONE)
        if zone:
            offset = "+00:00" if zone.upper() == "Z" else zone
            moment = datetime.fromisoformat(f"{moment.replace(tzinfo=None).isoformat()}{offset}")
    except ValueError as error:
        raise CellInvalid(_("There is no such time")) from error
    if moment.year not in YEARS:
        raise CellInvalid(_("There is no such time"))
    return moment.astimezone(PLATFORM_ZONE).date()


def _day_of(text: str) -> tuple[int, int, int, str]:
    """Year, month, day, and what stands behind them."""
    for pattern, groups in ((DAY_FIRST_YEAR, (1, 3, 4)), (DAY_IN_CHINESE, (1, 2, 3)),
                            (DAY_COMPACT, (1, 2, 3))):  # fmt: skip
        if found := pattern.match(text):
            year, month, day = (int(found[group]) for group in groups)
            return year, month, day, text[found.end() :].lstrip()
    if found := DAY_OR_MONTH_FIRST.match(text):
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        if first <= MONTHS and second <= MONTHS and first != second:
            raise CellInvalid(
                _("It is not clear which is the day and which the month; write 2026-01-31")
            )
        month, day = (first, second) if first <= MONTHS else (second, first)
        return year, month, day, text[found.end() :].lstrip()
    raise CellInvalid(_NO_DAY)


def _time_of(text: str) -> tuple[int, int, int, str]:
    """Hour, minute, second and offset; midnight where there is no time."""
    if not text:
        return 0, 0, 0, ""
    if found := TIME.fullmatch(text):
        return int(found[1]), int(found[2]), int(found[3] or 0), found[4] or ""
    if found := TIME_COMPACT.fullmatch(text):
        return int(found[1]), int(found[2]), int(found[3] or 0), ""
    raise CellInvalid(_NO_DAY)


@functools.lru_cache(maxsize=1000)
def parse_state(text: str) -> str:
    """What we call a state, :data:`MOVED`, or nothing where nothing stands.

    :raises CellInvalid: for a word that we do not know: it could be told neither that it agrees
        nor that it differs.
    """
    if not text:
        return ""
    _parse_state(text)
    word = _word(text)
    if word not in STATES:
        raise CellInvalid(
            _("This state is not known; write one of ours, or leave the column out of the mapping")
        )
    return STATES[word]


def parse_shown(text: str, length: int) -> str:
    """A text as it is shown beside our own, cut to a length.

    :raises CellInvalid: when it has what nobody sees.
    """
    try:
        return str(text_of(length)(text[:length]))
    except CellInvalid as error:
        raise CellInvalid(error=StringInvalid) from error


def is_total(text: str) -> bool:
    """Whether a cell says that its row adds up others."""
    return _word(text).rstrip(":") in TOTALS


def _word(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().lower()
