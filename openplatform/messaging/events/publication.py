"""The published schemas: one committed file for each version of each type."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils import translation

from openplatform.messaging.events.compatibility import Break, Schema, list_breaks
from openplatform.messaging.events.schemas import list_types, message_schema

FOLDER = Path(settings.BASE_DIR) / "docs" / "schemas"
NAME = re.compile(r"[a-z_]+\.[a-z_]+\.v[1-9][0-9]{0,3}\.json", re.ASCII)


@dataclass(frozen=True)
class Publication:
    """A schema as the code makes it, beside the one that is published under its version."""

    type: str
    version: int
    schema: Schema
    text: str
    published: str | None  # None: not yet

    @property
    def name(self) -> str:
        """Of the file."""
        return file_name(self.type, self.version)

    @property
    def is_current(self) -> bool:
        """Whether the published one is this one, to the letter."""
        return self.published == self.text

    def breaks(self) -> list[Break]:
        """What forbids to publish it under this version."""
        return (
            [] if self.published is None else list_breaks(json.loads(self.published), self.schema)
        )


def file_name(type_name: str, version: int) -> str:
    """``order.created.v1.json``"""
    return f"{type_name}.v{version}.json"


def list_publications(folder: Path = FOLDER) -> Iterator[Publication]:
    """What every type's schema is now and was when it was published, by the names of the types."""
    for message_type in list_types():
        with translation.override("en"):
            schema = message_schema(message_type)
        file = folder / file_name(message_type.name, message_type.version)
        yield Publication(
            type=message_type.name,
            version=message_type.version,
            schema=schema,
            text=json.dumps(schema, indent=2, ensure_ascii=False) + "\n",
            published=file.read_text(encoding="utf-8") if file.exists() else None,
        )
