"""Numbers by which companies are taxed."""

from __future__ import annotations

import re

# GB 32100-2015: 17 characters and a check character, of an alphabet without I, O, S, V and Z.
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
SOCIAL_CREDIT_CODE = re.compile(rf"[{ALPHABET}]{{2}}[0-9]{{6}}[{ALPHABET}]{{10}}", re.ASCII)
# Six digits of a region and nine characters of an organisation, given out until 2015.
OLDER = re.compile(r"[0-9]{6}[0-9A-Z]{8}[0-9X]", re.ASCII)
BASE = 31


def is_tax_number(text: str) -> bool:
    """Whether it is a unified social credit code whose check character holds, or has the form of
    the older number of 15 characters.
    """
    if SOCIAL_CREDIT_CODE.fullmatch(text):
        return text[-1] == check_character(text[:-1])
    return OLDER.fullmatch(text) is not None


def check_character(text: str) -> str:
    """The 18th character of a unified social credit code, from the 17 before it: each value is
    weighed with a power of 3, modulo 31 (GB 32100-2015, 4.5).
    """
    weighed = sum(
        ALPHABET.index(character) * pow(3, place, BASE) for place, character in enumerate(text)
    )
    return ALPHABET[-weighed % BASE]
