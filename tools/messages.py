"""Translations: `python tools/messages.py extract | compile | check`.

`extract` brings the catalogue in step with the code, and names what has no translation yet;
`compile` writes the .mo beside it; `check` fails when anything is missing, not ours any more, or
compiled from another state. Everything comes from pip: GNU gettext is not needed.

Our catalogue also holds the texts of unfold, which brings none, and of the pages of django-q2, as
far as they and Django have no translation of their own for them.
"""

from __future__ import annotations

import argparse
import gettext
import io
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

BASE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(BASE))

import django  # noqa: E402 - the path comes first
import django_q  # noqa: E402 - as above
import unfold  # noqa: E402 - as above
from babel.messages.catalog import Catalog  # noqa: E402 - as above
from babel.messages.extract import extract_python  # noqa: E402 - as above
from babel.messages.mofile import write_mo  # noqa: E402 - as above
from babel.messages.pofile import read_po, write_po  # noqa: E402 - as above
from django.utils.translation.template import templatize  # noqa: E402 - as above

LANGUAGE = "zh_Hans"
CATALOGUE = BASE / "openplatform" / "backoffice" / "locale" / LANGUAGE / "LC_MESSAGES" / "django.po"
CODE = ("openplatform", "accounts", "catalog", "orders", "aftersales", "reconciliation")
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
}
UNREAD = {"migrations"}  # they repeat the models
# Parts of unfold that we do not install.
UNREAD_OF_UNFOLD = {
    "constance", "forms", "guardian", "import_export", "inlines", "location_field",
    "simple_history",
}  # fmt: skip
# What django-q2 says in logs and terminals.
UNREAD_OF_DJANGO_Q = {
    "cluster.py", "monitor.py", "monitor_terminal.py", "timeout.py", "worker.py", "management",
    "tests",
}  # fmt: skip
THEIRS = ((unfold, UNREAD_OF_UNFOLD), (django_q, UNREAD_OF_DJANGO_Q))
# Texts for which we do not take Django's translation.
BETTER = {" By %(filter_title)s ", "Filters"}
UNDATED = datetime(2026, 1, 1, tzinfo=UTC)
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\}")
Found = tuple[str, int, Any, str | None]


def list_files(root: Path, unread: set[str]) -> Iterator[Path]:
    """Python modules and templates under a folder, in a fixed order."""
    yield from sorted(
        file
        for file in root.rglob("*")
        if file.suffix in {".py", ".html", ".txt"}
        and not unread.intersection(file.relative_to(root).parts)
    )


def find_messages(root: Path, relative_to: Path, unread: set[str] = UNREAD) -> Iterator[Found]:
    """Every message under a folder: (file, line, text or texts, context)."""
    for file in list_files(root, unread):
        name = file.relative_to(relative_to).as_posix()
        source = file.read_text(encoding="utf-8")
        if file.suffix != ".py":
            source = _calls_of(templatize(source))
        if "gettext" not in source and "_(" not in source:
            continue
        stream = io.BytesIO(source.encode())
        for line, keyword, texts, _comments in extract_python(stream, KEYWORDS, [], {}):
            found = _message_of(keyword, texts)
            if found is not None:
                yield name, line, *found


def _calls_of(templatized: str) -> str:
    """The gettext calls of a template, each on its own line, as Python."""
    lines = []
    for line in templatized.split("\n"):
        calls = re.findall(
            r"""\b(?:ngettext|npgettext|pgettext|gettext|_)\((?:[^()'"]|'(?:\\.|[^'\\])*'"""
            r"""|"(?:\\.|[^"\\])*")*\)""",
            line,
        )
        lines.append("; ".join(calls))
    return "\n".join(lines)


def _message_of(keyword: str, texts: Any) -> tuple[Any, str | None] | None:
    parts = texts if isinstance(texts, tuple) else (texts,)
    if keyword.startswith("pgettext"):
        context, text = parts[0], parts[1]
        return (text, context) if text else None
    if keyword.startswith("ngettext"):
        return ((parts[0], parts[1]), None) if parts[0] else None
    return (parts[0], None) if parts[0] else None


def home_of(package: ModuleType) -> Path:
    """The folder of an installed package."""
    return Path(str(package.__file__)).parent


def django_translations() -> gettext.NullTranslations:
    """What Django and django-q2 say in Chinese; loaded behind our catalogue at run time, too."""
    merged: gettext.NullTranslations | None = None
    files = [
        file
        for package in (django, django_q)
        for file in sorted(home_of(package).rglob(f"{LANGUAGE}/LC_MESSAGES/django.mo"))
    ]
    for file in files:
        with file.open("rb") as stream:
            translations = gettext.GNUTranslations(stream)
        if merged is None:
            merged = translations
        else:
            translations.add_fallback(merged)
            merged = translations
    return merged or gettext.NullTranslations()


def collect() -> Catalog:
    """A catalogue of all messages, without translations."""
    catalogue = Catalog(
        locale=LANGUAGE, domain="django", project="openplatform", fuzzy=False, version="1.0"
    )
    for package in CODE:
        for file, line, text, context in find_messages(BASE / package, BASE):
            catalogue.add(text, locations=[(file, line)], context=context)
    known = django_translations()
    for file, _line, text, context in (
        message
        for package, unread in THEIRS
        for message in find_messages(home_of(package), home_of(package).parent, UNREAD | unread)
    ):
        first = text[0] if isinstance(text, tuple) else text
        if context is None and first not in BETTER and known.gettext(first) != first:
            continue
        if context is None and isinstance(text, tuple) and known.ngettext(*text, 2) != text[1]:
            continue
        if catalogue.get(first, context) is None:
            catalogue.add(text, locations=[(file, 1)], context=context)
    return catalogue


def read_catalogue() -> Catalog:
    """The catalogue as committed."""
    with CATALOGUE.open("rb") as stream:
        catalogue = read_po(stream, locale=LANGUAGE, domain="django")
    # The .mo holds its header, so equal content calls for equal times.
    catalogue.creation_date = catalogue.revision_date = UNDATED
    return catalogue


def missing(catalogue: Catalog) -> list[str]:
    """Texts without a translation."""
    return [
        str(message.id)
        for message in catalogue
        if message.id and (message.fuzzy or not _is_translated(message.string))
    ]


def _is_translated(text: Any) -> bool:
    return all(text) if isinstance(text, (tuple, list)) else bool(text)


def compiled(catalogue: Catalog) -> bytes:
    """The .mo of a catalogue."""
    stream = io.BytesIO()
    write_mo(stream, catalogue)
    return stream.getvalue()


def extract() -> int:
    """Add new messages, drop those that are gone, keep all translations."""
    catalogue = collect()
    if CATALOGUE.exists():
        for message in read_catalogue():
            ours = catalogue.get(message.id, message.context) if message.id else None
            if ours is not None and not message.fuzzy:
                ours.string = message.string
    CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
    for message in catalogue:
        # File names alone: line numbers would change with every edit of the code.
        message.locations = sorted({(file, None) for file, _line in message.locations})  # type: ignore[misc]
    catalogue.header_comment = "# Chinese texts of the platform."
    with CATALOGUE.open("wb") as stream:
        write_po(stream, catalogue, width=100, sort_output=True, omit_header=False)
    _drop_dates()
    for text in missing(catalogue):
        sys.stdout.write(f"no translation: {text}\n")
    return 0


def _drop_dates() -> None:
    """A catalogue changes with its content only."""
    lines = CATALOGUE.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not re.match(r'"(POT-Creation|PO-Revision)-Date:', line)]
    CATALOGUE.write_text("".join(kept), encoding="utf-8")


def compile_catalogue() -> int:
    """Write the .mo."""
    CATALOGUE.with_suffix(".mo").write_bytes(compiled(read_catalogue()))
    return 0


def list_faults() -> list[str]:
    """What is wrong with the committed catalogue; nothing when all is well."""
    committed, wanted = read_catalogue(), collect()
    faults = [
        f"not in the catalogue: {message.id}"
        for message in wanted
        if message.id and committed.get(message.id, message.context) is None
    ]
    faults += [
        f"not in the code: {message.id}"
        for message in committed
        if message.id and wanted.get(message.id, message.context) is None
    ]
    faults += [f"no translation: {text}" for text in missing(committed)]
    if CATALOGUE.with_suffix(".mo").read_bytes() != compiled(committed):
        faults.append("the .mo was not compiled from the .po")
    return faults


def check() -> int:
    """1 when the catalogue, the code and the .mo do not agree."""
    faults = list_faults()
    for fault in faults:
        sys.stdout.write(f"{fault}\n")
    return int(bool(faults))


COMMANDS = {"extract": extract, "compile": compile_catalogue, "check": check}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    sys.exit(COMMANDS[parser.parse_args().command]())
