"""Warehouses, where they stand and where they deliver."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from catalog.imports.lookups import Repeats
from catalog.services.outcome import Outcome
from catalog.services.warehouses import WarehouseDraft, save_warehouse
from openplatform.imports.errors import CellInvalid
from openplatform.imports.parsers import integer_of, parse_code, text_of
from openplatform.imports.resources import Column, Context, Importer, Resource, Row
from openplatform.regions.errors import RegionUnknown
from openplatform.regions.models import Region

REGION = re.compile(r"[0-9]{1,12}", re.ASCII)
MAX_PRIORITY = 1_000_000
RETURN_COLUMNS = ("return_name", "return_phone", "return_address")


def parse_region(text: str) -> str:
    """The code of a region, whether it exists or not."""
    if not REGION.fullmatch(text):
        raise CellInvalid(error=RegionUnknown)
    return text


def parse_regions(text: str) -> list[str]:
    """Codes of regions separated by blanks, each once."""
    return list(dict.fromkeys(parse_region(part) for part in text.split()))


class WarehouseImporter(Importer):
    """``serves`` and ``excludes`` set the regions exactly; blank cells mean everywhere, and nothing
    left out."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._repeats = Repeats()

    def take(self, rows: Sequence[Row]) -> None:
        named = {code for row in rows for code in _regions_of(row)}
        known = set(
            Region.objects.filter(code__in=named, is_retired=False).values_list("code", flat=True)
        )
        for row in rows:
            repeated = self._repeats.refuse(self, row, "code", row.values["code"])
            if self._has_unknown_region(row, known) or repeated:
                continue
            outcome = self._save(row)
            self.context.count(**outcome._asdict())

    def _has_unknown_region(self, row: Row, known: set[str]) -> bool:
        unknown = [
            (column, code)
            for column, codes in (
                ("region", [row.values["region"]]),
                ("serves", row.get("serves") or ()),
                ("excludes", row.get("excludes") or ()),
            )
            for code in codes
            if code not in known
        ]
        for column, code in unknown:
            text = _("There is no region %(code)s, or no longer") % {"code": code}
            self.refuse(row, column, text, RegionUnknown)
        return bool(unknown)

    def _save(self, row: Row) -> Outcome:
        fields = {"name": row.values["name"], "region_id": row.values["region"]}
        if row.get("priority") is not None:
            fields["priority"] = row.get("priority")
        for name in RETURN_COLUMNS:
            if name in self.context.columns:
                fields[name] = row.get(name) or ""
        serves = (row.get("serves") or ()) if "serves" in self.context.columns else None
        excludes = (row.get("excludes") or ()) if "excludes" in self.context.columns else None
        return save_warehouse(draft=WarehouseDraft(row.values["code"], fields, serves, excludes))


def _regions_of(row: Row) -> list[str]:
    return [row.values["region"], *(row.get("serves") or ()), *(row.get("excludes") or ())]


WAREHOUSES = Resource(
    name="warehouses",
    label=_("Warehouses"),
    columns=(
        Column(
            "code",
            parse_code,
            is_required=True,
            help=_("1 to 64 letters, digits, dots, hyphens or underscores; case counts"),
        ),
        Column("name", text_of(120), is_required=True, help=_("Its name")),
        Column(
            "region", parse_region, is_required=True, help=_("Code of the region where it stands")
        ),
        Column(
            "serves",
            parse_regions,
            help=_(
                "Codes of the regions that it delivers to, separated by blanks; empty: everywhere"
            ),
        ),
        Column(
            "excludes",
            parse_regions,
            help=_(
                "Codes of regions within these that it does not deliver to, separated by blanks"
            ),
        ),
        Column(
            "priority",
            integer_of(-MAX_PRIORITY, MAX_PRIORITY),
            help=_("Whole number; of two warehouses that could deliver, the higher one does"),
        ),
        Column("return_name", text_of(64), help=_("Who takes returned goods in")),
        Column("return_phone", text_of(32), help=_("Phone of whoever takes returned goods in")),
        Column("return_address", text_of(255), help=_("Where returned goods are sent")),
    ),
    importer=WarehouseImporter,
    permissions=("catalog.add_warehouse", "catalog.change_warehouse"),
)
