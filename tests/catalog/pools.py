"""Pools changed as an operator does: look at what would happen, then do just that."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from accounts.models import Partner
from catalog.errors import PreviewOutdated
from catalog.models import Pool, Sku
from catalog.selectors.pools import Act
from catalog.services.curating import (
    Preview,
    change_pool,
    open_pool,
    preview_act,
    preview_partners,
)


def curate_pool(
    *,
    pool_code: str,
    remove: Sequence[str] = (),
    exclude: Sequence[str] = (),
    readmit: Sequence[str] = (),
    add: Sequence[str] = (),
    actor: str,
    now: datetime,
) -> None:
    """Take SKUs out, exclude, readmit and take in, by their codes: one act after the other."""
    asked = {
        Act.TAKE_OUT: remove,
        Act.EXCLUDE: exclude,
        Act.READMIT: readmit,
        Act.TAKE_IN: add,
    }
    for act, codes in asked.items():
        if not codes:
            continue
        found = dict(Sku.objects.filter(code__in=codes).values_list("code", "pk"))
        parts: dict[str, Any] = {"act": act, "sku_ids": [found[code] for code in codes]}
        _act_as_seen(change_pool, preview_act, parts, pool_code=pool_code, actor=actor, now=now)


def assign_partners(
    *, pool_code: str, partner_codes: Collection[str], actor: str, now: datetime
) -> None:
    """Open a pool to exactly these partners."""
    found = dict(Partner.objects.filter(code__in=partner_codes).values_list("code", "pk"))
    parts = {"partner_ids": [found[code] for code in partner_codes]}
    _act_as_seen(open_pool, preview_partners, parts, pool_code=pool_code, actor=actor, now=now)


def _act_as_seen(
    service: Callable[..., Preview],
    preview: Callable[..., Preview],
    parts: dict[str, Any],
    *,
    pool_code: str,
    **by: Any,
) -> None:
    """Whoever is told that something changed since looks once more."""
    pool = Pool.objects.get(code=pool_code)
    while True:
        expected = preview(pool=pool, **parts).fingerprint
        try:
            service(pool_code=pool_code, **parts, expected=expected, **by)
        except PreviewOutdated:
            continue
        return
