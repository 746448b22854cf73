"""The SKUs that a merchant really sells, as it says itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from catalog.models import Selection
from catalog.selectors.visibility import IS_VISIBLE_EACH
from openplatform.core.statements import send

SELECTED = f"""
    SELECT sku.code FROM catalog_selectedsku selected
    JOIN catalog_sku sku ON sku.id = selected.sku_id
    WHERE selected.partner_id = %(partner_id)s AND {IS_VISIBLE_EACH}
    ORDER BY sku.code
"""  # noqa: S608 - put together from constants
# A partner that asked for messages of its selection only, and of these SKUs those that it selected.
WANTED = """
    SELECT selection.partner_id, array_agg(sku.code) FILTER (WHERE sku.code IS NOT NULL)
    FROM catalog_selection selection
    LEFT JOIN catalog_selectedsku selected ON selected.partner_id = selection.partner_id
        AND selected.sku_id = ANY(ARRAY(
            SELECT asked.id FROM catalog_sku asked WHERE asked.code = ANY(%(skus)s::text[])
        ))
    LEFT JOIN catalog_sku sku ON sku.id = selected.sku_id
    WHERE selection.partner_id = ANY(%(partner_ids)s::bigint[]) AND selection.only_these_messages
    GROUP BY selection.partner_id
"""


def get_selection(*, partner_id: int) -> dict[str, Any]:
    """``GET /catalog/selection``: those of the selected SKUs that the partner still sees, by code.

    Without a selection there are none, and messages come of all SKUs.
    """
    selection = Selection.objects.filter(partner_id=partner_id).first()
    rows = send(SELECTED, {"partner_id": partner_id}).rows()
    return {
        "skus": [code for (code,) in rows],
        "only_these_messages": selection is not None and selection.only_these_messages,
    }


def narrow(partner_ids: Collection[int], skus: Collection[str]) -> Mapping[int, Collection[str]]:
    """The partners among these that want messages of their selected SKUs only, each with those of
    ``skus`` that it selected, whether it still sees them or not: it is told, too, when it does not.
    """
    wanted: dict[int, set[str]] = defaultdict(set)
    parameters = {"partner_ids": list(partner_ids), "skus": list(skus)}
    for partner_id, codes in send(WANTED, parameters).rows():
        wanted[partner_id].update(codes or ())
    return wanted
