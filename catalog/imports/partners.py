"""Partners, with the pools that they see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from accounts.models import Partner, Wallet
from accounts.services.partners import add_partner
from catalog.imports.lookups import CodeLookup, Repeats
from catalog.models import Pool, PoolAssignment
from catalog.services.membership import add_assignments
from catalog.services.partners import set_alert_thresholds, update_partner
from openplatform.core import money
from openplatform.imports.parsers import (
    parse_code,
    parse_codes,
    parse_email,
    parse_money,
    text_of,
)
from openplatform.imports.resources import Column, Context, Importer, Resource, Row

MONEY_TAKES_TWO = _("Money of a partner is entered as a top-up and decided by a second person")


class PartnerImporter(Importer):
    """Pools that a row names are added. Of a known partner no money moves: its credit line and
    opening balance in the file are passed over."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._repeats = Repeats()
        self._pools = CodeLookup(Pool)
        self._receivers: dict[int, list[int]] = defaultdict(list)
        self._thresholds: dict[int, Decimal] = {}

    def take(self, rows: Sequence[Row]) -> None:
        self._pools.load(code for row in rows for code in row.get("pools") or ())
        codes = [row.values["code"] for row in rows]
        known = {
            partner.code: partner
            for partner in Partner.objects.select_related("wallet").filter(code__in=codes)
        }
        assigned = set(
            PoolAssignment.objects.filter(partner__code__in=codes).values_list(
                "pool_id", "partner_id"
            )
        )
        for row in rows:
            repeated = self._repeats.refuse(self, row, "code", row.values["code"])
            pool_ids = self._pools.find_all(self, row, "pools", row.get("pools") or ())
            if repeated or pool_ids is None:
                continue
            partner = known.get(row.values["code"])
            if partner is None:
                partner = self._add(row)
                self.context.count(created=1)
            else:
                is_changed = self._update(partner, row) or any(
                    (pool_id, partner.pk) not in assigned for pool_id in pool_ids
                )
                self.context.count(updated=int(is_changed), unchanged=int(not is_changed))
            for pool_id in pool_ids:
                self._receivers[pool_id].append(partner.pk)

    def _update(self, partner: Partner, row: Row) -> bool:
        threshold = row.get("alert_threshold")
        has_moved = threshold is not None and threshold != partner.wallet.alert_threshold
        if has_moved:
            self._thresholds[partner.pk] = threshold
        is_changed = update_partner(
            partner=partner,
            name=row.values["name"],
            email=(row.get("email") or "") if "email" in self.context.columns else None,
        )
        return is_changed or has_moved

    def _add(self, row: Row) -> Partner:
        return add_partner(
            code=row.values["code"],
            name=row.values["name"],
            email=row.get("email") or "",
            credit_limit=row.get("credit_limit") or money.ZERO,
            alert_threshold=row.get("alert_threshold") or money.ZERO,
            opening_balance=row.get("opening_balance") or money.ZERO,
            actor=self.context.actor,
            now=self.context.now,
        )

    def finish(self) -> None:
        add_assignments(partners=self._receivers, now=self.context.now)
        set_alert_thresholds(thresholds=self._thresholds, actor=self.context.actor)


PARTNERS = Resource(
    name="partners",
    label=_("Partners"),
    columns=(
        Column(
            "code",
            parse_code,
            is_required=True,
            help=_("1 to 64 letters, digits, dots, hyphens or underscores; case counts"),
        ),
        Column("name", text_of(120), is_required=True, help=_("Its name")),
        Column(
            "pools",
            parse_codes,
            help=_("Codes of pools to show it, separated by blanks; it loses none"),
        ),
        Column("alert_threshold", parse_money, help=_("It is warned when less is available")),
        Column("email", parse_email, help=_("Where it is written to")),
        Column(
            "credit_limit",
            parse_money,
            help=_("How far its balance may fall below zero; for new partners only"),
        ),
        Column(
            "opening_balance", parse_money, help=_("What it begins with; for new partners only")
        ),
    ),
    importer=PartnerImporter,
    writes=(Partner, Wallet, PoolAssignment),
    permissions=("accounts.add_partner", "accounts.change_partner", "catalog.add_poolassignment"),
    barred_on_page=dict.fromkeys(
        ("credit_limit", "opening_balance", "alert_threshold"), MONEY_TAKES_TWO
    ),
)
