"""Reads of a merchant's claims."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _

from aftersales.models import Claim
from aftersales.picture_links import links
from aftersales.selectors.documents import read_document, read_documents
from openplatform.core.errors import NotFound
from openplatform.core.statements import send

MAX_ROWS = 101  # a page, and one more that tells that it goes on
# Only what is asked for stands in a statement, so that each is read along the index that fits it.
FITS = {
    "created_after": "claim.created_at >= %(created_after)s",
    "created_before": "claim.created_at < %(created_before)s",
    "status": "claim.status = %(status)s",
    "merchant_aftersale_no": "claim.merchant_aftersale_no = %(merchant_aftersale_no)s",
    # By the number of a suborder or of the whole order.
    "order_no": """claim.suborder_id IN (
        SELECT part.id FROM orders_suborder part WHERE part.order_no = %(order_no)s
        UNION ALL
        SELECT part.id FROM orders_suborder part
        JOIN orders_order "order" ON "order".id = part.order_id
        WHERE "order".order_no = %(order_no)s
    )""",
}
PAGE = """
    SELECT claim.id, claim.{stamp} FROM aftersales_claim claim
    WHERE {fits} ORDER BY claim.{stamp} {direction}, claim.id {direction} LIMIT {rows}
"""


@dataclass(frozen=True, slots=True)
class ClaimQuery:
    """Which claims of a partner are wanted; None is any."""

    partner_id: int
    created_after: datetime | None = None
    created_before: datetime | None = None
    status: str | None = None
    order_no: str | None = None
    merchant_aftersale_no: str | None = None


class Place(NamedTuple):
    """A claim in a list, and the stamp that the list goes by."""

    claim_id: int
    at: datetime


def get_claim_document(*, partner_id: int, aftersale_no: str) -> dict[str, Any]:
    """``GET /aftersales/{no}``, with links to its pictures.

    :raises NotFound: when the partner has no such claim.
    """
    claims = Claim.objects.filter(partner=partner_id, aftersale_no=aftersale_no)
    claim_id = claims.values_list("pk", flat=True).first()
    if claim_id is None:
        raise NotFound(_("There is no claim with this number"))
    return read_document(claim_id, links=links)


def get_list_documents(claim_ids: list[int]) -> dict[int, dict[str, Any]]:
    """Rows of ``GET /aftersales`` by primary key."""
    return dict(zip(claim_ids, read_documents(claim_ids, links=links), strict=True))


def page_by_filing(
    query: ClaimQuery, *, before: tuple[datetime, int] | None, limit: int
) -> list[Place]:
    """The newest claims, the newest first, up to ``limit`` of at most 101.

    A merchant's claims are written one after the other, their stamps never going back, so no claim
    appears behind one already read.
    """
    return _page(query, "created_at", "DESC", "<", before)[:limit]


def page_by_update(query: ClaimQuery, *, after: tuple[datetime, int], limit: int) -> list[Place]:
    """Claims behind a position (``updated_at``, primary key), the least recently updated first, up
    to ``limit`` of at most 101.
    """
    return _page(query, "updated_at", "ASC", ">", after)[:limit]


def _page(
    query: ClaimQuery,
    stamp: str,
    direction: str,
    comparison: str,
    position: tuple[datetime, int] | None,
) -> list[Place]:
    values = asdict(query)
    fits = ["claim.partner_id = %(partner_id)s"]
    fits += [text for name, text in FITS.items() if values[name] is not None]
    if position is not None:
        values["at"], values["claim_id"] = position
        fits.append(f"(claim.{stamp}, claim.id) {comparison} (%(at)s, %(claim_id)s)")
    statement = PAGE.format(
        stamp=stamp, direction=direction, rows=MAX_ROWS, fits=" AND ".join(fits)
    )
    return [Place(*row) for row in send(statement, values).rows()]
