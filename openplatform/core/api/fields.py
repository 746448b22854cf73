"""Serializer fields and a serializer that read requests as the contract is written.

DRF's own ones take ``"1_000"``, ``"3.0"``, ``true`` and full-width digits for numbers, trim text,
and pass over fields that they do not know.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.fields import empty

from openplatform.core import clock, errors
from openplatform.core.api.parsers import escape_pointer
from openplatform.core.errors import DomainError, refuse_if
from openplatform.core.uploads.files import ReceivedFile
from openplatform.core.visible_text import CODE, is_visible

MAX_QUANTITY = 1_000_000
# Bounds of one refusal: the faults of a full order come back at once, junk is not sent back whole.
MAX_UNKNOWN = 20  # unknown fields named in an object
MAX_FAULTS = 5_000
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
PRICE = re.compile(r"(0|[1-9][0-9]{0,9})\.[0-9]{2}", re.ASCII)


class TextField(serializers.CharField):
    """Text that is what it looks like: no blanks around, no hidden characters, NFC.

    ``multiline`` lets line breaks and tabs pass. Never trimmed or normalised in silence:
    a text that would have to be is refused with ``string_invalid``.
    """

    default_error_messages = {"string_invalid": errors.StringInvalid.title}

    def __init__(self, *, multiline: bool = False, **kwargs: Any) -> None:
        self.multiline = multiline
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if not is_visible(data, multiline=self.multiline):
            self.fail("string_invalid")
        return data


class CodeField(TextField):
    """A code or number: a string of ``[A-Za-z0-9._-]``, 1 to 64 of them, case counts."""

    PATTERN = CODE

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not self.PATTERN.fullmatch(text):
            self.fail("string_invalid")
        return text


class QuantityField(serializers.Field[int, Any, int, Any]):
    """A JSON integer from 1 to 1,000,000; nothing that merely looks like one."""

    default_error_messages = {"quantity_invalid": errors.QuantityInvalid.title}

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int or not 1 <= data <= MAX_QUANTITY:
            self.fail("quantity_invalid")
        return data

    def to_representation(self, value: int) -> int:
        return value


class MoneyField(serializers.Field[Decimal, Any, str, Any]):
    """A string with two decimals: ``"128.50"``."""

    default_error_messages = {"invalid": errors.FieldInvalid.title}

    def to_internal_value(self, data: Any) -> Decimal:
        if not isinstance(data, str) or not PRICE.fullmatch(data):
            self.fail("invalid")
        return Decimal(data)

    def to_representation(self, value: Decimal) -> str:
        return f"{value:.2f}"


@extend_schema_field({"type": "string", "format": "date-time"})
class MomentField(serializers.Field[datetime, Any, str, Any]):
    """An RFC 3339 time with offset, from the year 2000 on."""

    default_error_messages = {"invalid": errors.FieldInvalid.title}

    def to_internal_value(self, data: Any) -> datetime:
        moment = clock.from_text(data) if isinstance(data, str) else None
        if moment is None or moment < EARLIEST:
            self.fail("invalid")
        return moment


class MetadataField(serializers.Field[dict[str, str], Any, dict[str, str], Any]):
    """The caller's own notes: up to 50 keys of 40 characters, values up to 500."""

    MAX_KEYS, MAX_KEY, MAX_VALUE = 50, 40, 500

    default_error_messages = {"invalid": errors.FieldInvalid.title}

    def to_internal_value(self, data: Any) -> dict[str, str]:
        if (
            not isinstance(data, dict)
            or len(data) > self.MAX_KEYS
            or not all(
                0 < len(key) <= self.MAX_KEY
                and isinstance(value, str)
                and len(value) <= self.MAX_VALUE
                for key, value in data.items()
            )
        ):
            self.fail("invalid")
        return data

    def to_representation(self, value: dict[str, str]) -> dict[str, str]:
        return value


@extend_schema_field({"type": "string", "format": "binary"})
class UploadField(serializers.Field[ReceivedFile, Any, str, Any]):
    """A file of a form; see :class:`openplatform.core.api.parsers.UploadParser`."""

    default_error_messages = {"file_invalid": errors.FileInvalid.title}

    def to_internal_value(self, data: Any) -> ReceivedFile:
        if not isinstance(data, ReceivedFile):
            self.fail("file_invalid")
        return data


class RequestSerializer(serializers.Serializer[Any]):
    """A request body; fields that it does not name are refused, and null is as good as left out.

    Declared once and used through :func:`read_body`: building one per request costs more than
    the placing of an order.
    """

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and None in data.values():
            data = {name: value for name, value in data.items() if value is not None}
        unknown = set(data) - set(self.fields) if isinstance(data, Mapping) else set()
        faults = {
            name: [ErrorDetail(str(errors.UnknownField.title), "unknown_field")]
            for name in sorted(unknown)[:MAX_UNKNOWN]
        }
        try:
            value = super().to_internal_value(data)
        except ValidationError as error:
            if isinstance(error.detail, dict):
                raise ValidationError({**faults, **error.detail}) from error
            raise
        if faults:
            raise ValidationError(faults)
        return value


class EmptyRequest(RequestSerializer):
    """An action without a body."""


def read_body(serializer: RequestSerializer, data: Any) -> dict[str, Any]:
    """The validated body.

    :raises Refusal: with every fault of the form, each with its JSON pointer; of one object no
        more than 20 unknown fields.
    """
    try:
        value: dict[str, Any] = serializer.run_validation(empty if data is None else data)
    except ValidationError as error:
        refuse_if(list(islice(_faults(error.detail, ""), MAX_FAULTS)))
        raise
    return value


BY_DRF_CODE: dict[str, type[DomainError]] = {
    "required": errors.FieldRequired,
    "null": errors.FieldRequired,
    "blank": errors.FieldRequired,
    "max_length": errors.FieldInvalid,
}


def _faults(detail: Any, pointer: str) -> Iterable[DomainError]:
    if isinstance(detail, dict):
        for name, inner in detail.items():
            step = "" if name == "non_field_errors" else f"/{escape_pointer(str(name))}"
            yield from _faults(inner, pointer + step)
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            if isinstance(inner, ErrorDetail):
                kind = BY_DRF_CODE.get(code := inner.code or "") or errors.CODES.get(code)
                yield (kind or errors.FieldInvalid)(str(inner), pointer=pointer)
            else:
                yield from _faults(inner, f"{pointer}/{index}")
