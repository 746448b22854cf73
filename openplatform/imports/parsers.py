"""From the text of a cell to a value. Each parser refuses with :class:`CellInvalid`."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

from openplatform.core.clock import PLATFORM_ZONE, YEARS
from openplatform.core.errors import StringInvalid
from openplatform.core.visible_text import HIDDEN_CATEGORIES
from openplatform.core.web_addresses import require_web_address
from openplatform.imports.errors import CellInvalid

T = TypeVar("T")
Parser = Callable[[str], Any]

CODE = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
MONEY = re.compile(r"[0-9]{1,10}(\.[0-9]{1,2})?", re.ASCII)
NUMBER = re.compile(r"[0-9]{1,10}(\.[0-9]{1,4})?", re.ASCII)
WHOLE_NUMBER = re.compile(r"-?[0-9]{1,10}", re.ASCII)
LOCAL_TIME = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}(:\d{2})?", re.ASCII)
LOCAL_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
MAX_INTEGER = 2**31 - 1
MAX_PAIRS = 200
MAX_PERCENT = 100
# One line: as in the API, nothing that cannot be seen. Longer text: line breaks and joiners within
# emoji may stay, control characters and surrogates (Cc and Cs) may not. A pattern, because
# descriptions are long and many.
CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def parse_code(text: str) -> str:
    """A code: 1 to 64 of ``A-Z a-z 0-9 . _ -``; case counts."""
    if not CODE.fullmatch(text):
        raise CellInvalid(
            _("A code is 1 to 64 letters, digits, dots, hyphens or underscores"), StringInvalid
        )
    return text


def parse_codes(text: str) -> list[str]:
    """Codes separated by blanks, each once, in the order of the cell."""
    return list(dict.fromkeys(parse_code(part) for part in text.split()))


def text_of(max_length: int) -> Parser:
    """One line of text up to a length."""

    def parse_text(text: str) -> str:
        if _has_hidden(text) or not unicodedata.is_normalized("NFC", text):
            raise CellInvalid(error=StringInvalid)
        _require_length(text, max_length)
        return text

    return parse_text


def long_text_of(max_length: int) -> Parser:
    """Text over several lines."""

    def parse_long_text(text: str) -> str:
        if CONTROLS.search(text):
            raise CellInvalid(error=StringInvalid)
        _require_length(text, max_length)
        return text

    return parse_long_text


def _has_hidden(text: str) -> bool:
    if text.isascii() and text.isprintable():
        return False
    return any(unicodedata.category(character) in HIDDEN_CATEGORIES for character in text)


def _require_length(text: str, max_length: int) -> None:
    if len(text) > max_length:
        raise CellInvalid(_("At most %(count)d characters") % {"count": max_length})


def parse_money(text: str) -> Decimal:
    """An amount from 0.00, at most ten digits before the point: ``12``, ``12.5``, ``12.50``."""
    if not MONEY.fullmatch(text):
        raise CellInvalid(_("An amount is written as 12.50, without currency or separators"))
    return Decimal(text).quantize(Decimal("0.01"))


def parse_price(text: str) -> Decimal:
    """An amount above zero."""
    amount = parse_money(text)
    if not amount:
        raise CellInvalid(_("A price is above zero"))
    return amount


def parse_percent(text: str) -> Decimal:
    """A percentage above 0 and below 100, with or without the sign: 15 or ``15%``."""
    number = text.removesuffix("%").rstrip()
    if not MONEY.fullmatch(number) or not 0 < Decimal(number) < MAX_PERCENT:
        raise CellInvalid(_("A percentage is above 0 and below 100"))
    return Decimal(number).quantize(Decimal("0.01"))


def parse_rate(text: str) -> Decimal:
    """A rate from 0 to 1 (``0.13``), which may be written in percent (``13%``)."""
    is_percent = text.endswith("%")
    number = text.removesuffix("%").rstrip()
    if not NUMBER.fullmatch(number):
        raise CellInvalid(_("A rate is written as 0.13 or 13%"))
    rate = Decimal(number) / 100 if is_percent else Decimal(number)
    exact = rate.quantize(Decimal("0.0001"))
    if exact > 1 or exact != rate:
        raise CellInvalid(_("A rate is written as 0.13 or 13%"))
    return exact


def integer_of(minimum: int, maximum: int = MAX_INTEGER) -> Parser:
    """A whole number within bounds, digits only."""

    def parse_integer(text: str) -> int:
        if not WHOLE_NUMBER.fullmatch(text) or not minimum <= int(text) <= maximum:
            raise CellInvalid(
                _("A whole number from %(minimum)d to %(maximum)d")
                % {"minimum": minimum, "maximum": maximum}
            )
        return int(text)

    return parse_integer


def choice_of(*choices: str) -> Parser:
    """One of a few words."""

    def parse_choice(text: str) -> str:
        if text not in choices:
            raise CellInvalid(_("One of: %(choices)s") % {"choices": ", ".join(choices)})
        return text

    return parse_choice


def parse_bool(text: str) -> bool:
    """Yes or no: 1/0, true/false, yes/no, 是/否."""
    word = text.lower()
    if word in {"1", "true", "yes", "是"}:
        return True
    if word in {"0", "false", "no", "否"}:
        return False
    raise CellInvalid(_("One of: %(choices)s") % {"choices": "1, 0, true, false, yes, no"})


def parse_time(text: str) -> datetime:
    """A moment: RFC 3339 with offset, or ``YYYY-MM-DD[ HH:MM[:SS]]`` in the platform's zone."""
    is_local = LOCAL_TIME.fullmatch(text) or LOCAL_DATE.fullmatch(text)
    if not is_local and not RFC3339.fullmatch(text):
        raise CellInvalid(_("A time is written as 2026-01-31 08:00 or 2026-01-31T08:00:00+08:00"))
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise CellInvalid(_("There is no such time")) from error
    if moment.year not in YEARS:
        raise CellInvalid(_("There is no such time"))
    return moment.replace(tzinfo=PLATFORM_ZONE) if is_local else moment


def parse_email(text: str) -> str:
    """A mail address."""
    try:
        validate_email(text)
    except ValidationError as error:
        raise CellInvalid(_("This is not a mail address")) from error
    _require_length(text, 254)
    return text


def parse_urls(text: str) -> list[str]:
    """Addresses of pictures separated by blanks, each once, in the order of the cell."""
    urls = list(dict.fromkeys(text.split()))
    for url in urls:
        _require_length(url, 500)
        try:
            require_web_address(url)
        except ValidationError as error:
            raise CellInvalid(error.messages[0]) from error
    return urls


def parse_pairs(text: str) -> dict[str, str]:
    """Names and values in their order: ``color=red;size=L``.

    Where a value needs a semicolon, the cell may hold a JSON object of texts instead.
    """
    pairs = _json_pairs(text) if text.startswith("{") else _plain_pairs(text)
    names = [name for name, _value in pairs]
    if len(names) > MAX_PAIRS or len(names) != len(set(names)):
        raise CellInvalid(_("A name stands here twice, or there are too many"))
    for name, value in pairs:
        text_of(100)(name)
        long_text_of(5000)(value)
    return dict(pairs)


def _plain_pairs(text: str) -> list[tuple[str, str]]:
    pairs = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, sign, value = (piece.strip() for piece in part.partition("="))
        if not (name and sign and value):
            raise CellInvalid(_("Pairs are written as color=red;size=L"))
        pairs.append((name, value))
    return pairs


def _json_pairs(text: str) -> list[tuple[str, str]]:
    try:
        pairs: Any = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError) as error:
        raise CellInvalid(_("This is not a JSON object of texts")) from error
    if not all(name.strip() and isinstance(value, str) for name, value in pairs):
        raise CellInvalid(_("This is not a JSON object of texts"))
    return [(name.strip(), value.strip()) for name, value in pairs]
