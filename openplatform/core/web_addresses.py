"""Addresses on the web that we keep and hand on to others, who put them into pages of their own."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.utils.translation import gettext_lazy as _

from openplatform.core.visible_text import HIDDEN_CATEGORIES

SHOWN = 80  # characters of an address, in the text of a fault

# What ends an attribute or a tag of a page, or is a slash to a browser and to nobody else. All of
# them may come percent-encoded.
UNSAFE = re.compile(r"""["'`<>\\\s]""")
_has_form = URLValidator(schemes=["http", "https"])


def require_web_address(text: str) -> None:
    """Of an address that may be handed on: http or https, and nothing in it but an address.

    Refused are user names and passwords, ports that there are not, quotes, angle brackets,
    backslashes, blanks, and what cannot be seen. Letters outside of ASCII may stay.

    :raises ValidationError: with the address in its text, when it is another one.
    """
    shown = {"address": text[:SHOWN]}
    if UNSAFE.search(text) or _has_hidden(text):
        raise ValidationError(
            _(
                "%(address)s: an address has no quotes, angle brackets, backslashes, blanks or"
                " hidden characters; write them percent-encoded"
            ),
            params=shown,
        )
    try:
        _has_form(text)
        parts = urlsplit(text)
        if parts.port == 0:
            raise ValueError(text)
    except (ValidationError, ValueError) as error:
        fault = _("%(address)s is not an http or https address")
        raise ValidationError(fault, params=shown) from error
    if "@" in parts.netloc:
        raise ValidationError(
            _("%(address)s: an address has no user name and no password"),
            params={"address": parts.hostname},  # whoever reads the fault need not see the password
        )


def _has_hidden(text: str) -> bool:
    if text.isascii() and text.isprintable():
        return False
    return any(unicodedata.category(character) in HIDDEN_CATEGORIES for character in text)
