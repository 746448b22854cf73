"""Text that is what it looks like: one rule for requests, forms and whatever else people type.

A name with a line break in it forges a line of a mail or a table; one with a character that turns
the direction of writing, or that takes no room, passes for another name.
"""

from __future__ import annotations

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from openplatform.core.errors import StringInvalid

# Controls, formatting (zero-width, direction) characters, surrogates, unassigned, and Unicode's
# own line and paragraph separators.
HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
LINE_BREAKS = frozenset("\n\r\t")
MAX_CODE = 64  # characters
CODE = re.compile(rf"[A-Za-z0-9._-]{{1,{MAX_CODE}}}", re.ASCII)


def is_visible(text: str, *, multiline: bool = False) -> bool:
    """Whether it has no blanks around it, no hidden characters, and is NFC.

    :param multiline: line breaks and tabs may be in it.
    """
    if text != text.strip():
        return False
    if text.isascii() and text.isprintable():
        return True
    allowed = LINE_BREAKS if multiline else frozenset()
    return unicodedata.is_normalized("NFC", text) and not any(
        unicodedata.category(character) in HIDDEN_CATEGORIES
        for character in text
        if character not in allowed
    )


def require_visible(text: str) -> None:
    """Of a form's field on one line.

    :raises ValidationError: when something in it cannot be seen.
    """
    if not is_visible(text):
        raise ValidationError(StringInvalid.title, code=StringInvalid.code)


def require_code(text: str) -> None:
    """Of a form's field for a code, number or reference, as the API takes them.

    :raises ValidationError: unless it is ``[A-Za-z0-9._-]``, 1 to 64 of them.
    """
    if not CODE.fullmatch(text):
        raise ValidationError(
            _("A code is 1 to 64 letters, digits, dots, hyphens or underscores"),
            code=StringInvalid.code,
        )
