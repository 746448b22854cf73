"""Serializer fields and a serializer that read requests as the contract is written.

DRF's own ones take ``"1_000"``, ``"3.0"``, ``true`` and full-width digits for numbers, trim text,
and pass over fields that they do not know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

from django.core.validators import ProhibitNullCharactersValidator
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.fields import empty
from rest_framework.validators import ProhibitSurrogateCharactersValidator

from openplatform.core import clock, errors
from openplatform.core.api.parsers import escape_pointer
from openplatform.core.errors import DomainError, refuse_if
from openplatform.core.uploads.files import ReceivedFile
from openplatform.core.visible_text import CODE, MAX_CODE, is_visible

MAX_QUANTITY = 1_000_000
# Bounds of one refusal: the faults of a full order come back at once, junk is not sent back whole.
MAX_UNKNOWN = 20  # unknown fields named in an object
MAX_FAULTS = 5_000
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
# What DRF looks for in any text, character by character.
HIDDEN = (ProhibitNullCharactersValidator, ProhibitSurrogateCharactersValidator)
TOO_LONG = _("At most {max_length} characters are taken here")
PRICE = re.compile(r"(0|[1-9][0-9]{0,9})\.[0-9]{2}", re.ASCII)


class TextField(serializers.CharField):
    """Text that is what it looks like: no blanks around, no hidden characters, NFC.

    ``multiline`` lets line breaks and tabs pass. Never trimmed or normalised in silence:
    a text that would have to be is refused with ``string_invalid``.
    """

    default_error_messages = {
        "invalid": errors.FieldInvalid.title,
        "max_length": TOO_LONG,
        "string_invalid": errors.StringInvalid.title,
    }

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

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # What fits the pattern has none of these; a full order has a thousand codes.
        self.validators = [one for one in self.validators if not isinstance(one, HIDDEN)]

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if not self.PATTERN.fullmatch(data):  # stricter than what is visible
            if len(data) > MAX_CODE:
                raise ValidationError(say_too_long(self.max_length or MAX_CODE), "string_invalid")
            self.fail("string_invalid")
        return data


def say_too_long(maximum: int) -> str:
    """What is told of a text with more characters than that."""
    return str(TOO_LONG).format(max_length=maximum)


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


@extend_schema_field({"type": "boolean"})
class FlagField(serializers.Field[bool, Any, bool, Any]):
    """``true`` or ``false``; nothing that merely looks like one, and no null either."""

    default_error_messages = {"invalid": errors.FieldInvalid.title}

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        """Left out, it is the default; null might be meant for yes or for no."""
        if data is None:
            self.fail("invalid")
        return super().validate_empty_values(data)

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid")
        return data

    def to_representation(self, value: bool) -> bool:
        return value


class _Taken(NamedTuple):
    """A field of a request."""

    name: str
    field: serializers.Field[Any, Any, Any, Any]
    may_be_left_out: bool
    may_be_null: bool
    check: Callable[[Any], Any] | None


class CodedChoiceField(serializers.ChoiceField):
    """One of a few codes, in letters as they stand; a refusal tells them as ``allowed``."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data not in self.choices:
            raise ValidationError(" ".join(self.choices), CHOICE_INVALID)
        return data


class RequestList(serializers.ListSerializer[Any]):
    """Objects in a request body."""

    default_error_messages = {"not_a_list": _("A list is expected here")}


class RequestSerializer(serializers.Serializer[Any]):
    """A request body; fields that it does not name are refused, and null is as good as left out.

    Declared once and used through :func:`read_body`: building one per request costs more than
    the placing of an order.
    """

    # Whether null is as good as left out. Not where a part that is left out stays as it is: null
    # would be meant to clear it, and believed to have done so.
    takes_null = True

    default_error_messages = {"invalid": _("An object is expected here")}

    class Meta:
        list_serializer_class = RequestList

    # What DRF works out anew for each object, a thousand times for a full order, once here.

    @cached_property
    def _taken(self) -> Sequence[_Taken]:
        return [
            _Taken(
                name,
                field,
                may_be_left_out=not field.required and field.default is empty,
                # The others take it as left out.
                may_be_null=self.takes_null and not isinstance(field, FlagField),
                check=getattr(self, f"validate_{name}", None),
            )
            for name, field in self.fields.items()
            if not field.read_only
        ]

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.fields)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return super().to_internal_value(data)  # refuses it
        value: dict[str, Any] = {}
        faults: dict[str, Any] = {}
        if unknown := data.keys() - self._known:
            named = sorted(
                name for name in unknown if data[name] is not None or not self.takes_null
            )[:MAX_UNKNOWN]
            title = str(errors.UnknownField.title)
            faults = {name: [ErrorDetail(title, "unknown_field")] for name in named}
        for name, field, may_be_left_out, may_be_null, check in self._taken:
            given = data.get(name)
            if given is None and (may_be_null or name not in data):
                if may_be_left_out:
                    continue
                given = empty
            if given is None:
                faults[name] = [ErrorDetail(str(errors.FieldInvalid.title), "field_invalid")]
                continue
            try:
                taken = field.run_validation(given)
                if check is not None:
                    taken = check(taken)
            except ValidationError as error:
                faults[name] = error.detail
            else:
                self.set_value(value, field.source_attrs, taken)
        if faults:
            raise ValidationError(faults)
        return value

    def run_validators(self, value: Any) -> None:
        if self.validators:
            super().run_validators(value)


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
CHOICE_INVALID = "invalid_choice"  # its text are the values that would do
TOO_MANY = "too_many"  # its text is how many are taken
TOO_LONG_BY = "too_long"  # its text is how many characters are taken
# What DRF says of them differs from field to field; ours is one text.
SAID_BY_TITLE = frozenset({"required", "null", "blank"})


def _faults(detail: Any, pointer: str) -> Iterable[DomainError]:
    if isinstance(detail, dict):
        for name, inner in detail.items():
            step = "" if name == "non_field_errors" else f"/{escape_pointer(str(name))}"
            yield from _faults(inner, pointer + step)
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            if isinstance(inner, ErrorDetail):
                kind = BY_DRF_CODE.get(code := inner.code or "") or errors.CODES.get(code)
                if code == CHOICE_INVALID:
                    yield errors.FieldInvalid(pointer=pointer, allowed=inner.split())
                    continue
                if code == TOO_MANY:
                    yield errors.TooManyItems(pointer=pointer, maximum=int(inner))
                    continue
                if code == TOO_LONG_BY:
                    told = say_too_long(maximum := int(inner))
                    yield errors.FieldInvalid(told, pointer=pointer, maximum=maximum)
                    continue
                detail = None if code in SAID_BY_TITLE else str(inner)
                yield (kind or errors.FieldInvalid)(detail, pointer=pointer)
            else:
                yield from _faults(inner, f"{pointer}/{index}")
