"""Pools, and the partners that they are opened to."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from accounts.models import Partner
from catalog.imports.lookups import CodeLookup, Repeats
from catalog.models import Pool
from catalog.services.membership import add_assignments, lock_pools
from openplatform.imports.parsers import parse_code, parse_codes, text_of
from openplatform.imports.resources import Column, Context, Importer, Resource, Row


class PoolImporter(Importer):
    """Partners that a row names are added; nobody loses a pool by an import."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._repeats = Repeats()
        self._partners = CodeLookup(Partner)
        lock_pools()

    def take(self, rows: Sequence[Row]) -> None:
        self._partners.load(code for row in rows for code in row.get("partners") or ())
        codes = [row.values["code"] for row in rows]
        known = {pool.code: pool for pool in Pool.objects.filter(code__in=codes)}
        for row in rows:
            code = row.values["code"]
            repeated = self._repeats.refuse(self, row, "code", code)
            partner_ids = self._partners.find_all(self, row, "partners", row.get("partners") or ())
            if repeated or partner_ids is None:
                continue
            fields = {"name": row.values["name"]}
            if "purpose" in self.context.columns:
                fields["purpose"] = row.get("purpose") or ""
            pool = known.get(code)
            if pool is None:
                pool = Pool.objects.create(code=code, **fields)
                self.context.count(created=1)
                self._open(pool, partner_ids)
            else:
                changed = [name for name, value in fields.items() if getattr(pool, name) != value]
                for name in changed:
                    setattr(pool, name, fields[name])
                pool.save(update_fields=changed)
                is_wider = self._open(pool, partner_ids)
                is_updated = bool(changed or is_wider)
                self.context.count(updated=int(is_updated), unchanged=int(not is_updated))

    def _open(self, pool: Pool, partner_ids: Sequence[int]) -> int:
        return add_assignments(partners={pool.pk: partner_ids}, now=self.context.now)


POOLS = Resource(
    name="pools",
    label=_("Pools"),
    columns=(
        Column(
            "code",
            parse_code,
            is_required=True,
            help=_("1 to 64 letters, digits, dots, hyphens or underscores; case counts"),
        ),
        Column("name", text_of(120), is_required=True, help=_("Its name")),
        Column("purpose", text_of(255), help=_("What it is for")),
        Column(
            "partners",
            parse_codes,
            help=_("Codes of partners to show it to, separated by blanks; nobody loses it"),
        ),
    ),
    importer=PoolImporter,
    permissions=("catalog.add_pool", "catalog.change_pool", "catalog.add_poolassignment"),
)
