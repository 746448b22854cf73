"""Claims with everything that hangs on them, in one statement whatever their size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from aftersales.documents import Links, claim_document
from openplatform.core.statements import send

# Amounts leave JSON as text: a JSON number would come back as a float.
CLAIMS = """
    SELECT claim.id, claim.aftersale_no, claim.merchant_aftersale_no,
        part.order_no, "order".order_no AS parent_order_no, claim.type, claim.status,
        reason.code AS reason, claim.description, claim.goods_refund_amount,
        claim.freight_refund_amount, claim.refund_amount, claim.decision_note, claim.deadline,
        claim.return_address::text AS return_address, claim.version, claim.created_at,
        claim.updated_at,
        (
            SELECT coalesce(json_agg(json_build_object(
                'line_no', line.line_no, 'sku', line.sku_code, 'quantity', content.quantity,
                'approved_quantity', content.approved_quantity,
                'received_quantity', content.received_quantity,
                'accepted_quantity', content.accepted_quantity,
                'inspection', content.inspection, 'refund_amount', content.refund_amount::text
            ) ORDER BY line.line_no), '[]')::text
            FROM aftersales_claimline content
            JOIN orders_orderline line ON line.id = content.line_id
            WHERE content.claim_id = claim.id
        ) AS lines,
        (
            SELECT coalesce(json_agg(json_build_object(
                'picture_id', picture.picture_id, 'use', picture.use, 'note_id', picture.note_id,
                'file', picture.file, 'thumbnail', picture.thumbnail,
                'width', picture.width, 'height', picture.height
            ) ORDER BY picture.position, picture.id), '[]')::text
            FROM aftersales_claimpicture picture WHERE picture.claim_id = claim.id
        ) AS pictures,
        (
            SELECT coalesce(json_agg(json_build_object(
                'direction', parcel.direction, 'carrier_code', carrier.code,
                'carrier_name', carrier.name, 'waybill_no', parcel.waybill_no,
                'shipped_at', parcel.shipped_at, 'status', parcel.status,
                'delivered_at', parcel.delivered_at
            ) ORDER BY parcel.id), '[]')::text
            FROM aftersales_claimparcel parcel
            JOIN orders_carrier carrier ON carrier.id = parcel.carrier_id
            WHERE parcel.claim_id = claim.id
        ) AS parcels,
        (
            SELECT coalesce(json_agg(json_build_object(
                'at', event.created_at, 'from_status', event.from_status,
                'to_status', event.to_status, 'role', event.role, 'note', event.note
            ) ORDER BY event.id), '[]')::text
            FROM aftersales_claimevent event WHERE event.claim_id = claim.id
        ) AS events,
        (
            SELECT coalesce(json_agg(json_build_object(
                'id', note.id, 'at', note.created_at, 'role', note.role, 'text', note.text
            ) ORDER BY note.id), '[]')::text
            FROM aftersales_claimnote note WHERE note.claim_id = claim.id
        ) AS notes
    FROM unnest(%(claim_ids)s::bigint[]) WITH ORDINALITY AS wanted (id, position)
    JOIN aftersales_claim claim ON claim.id = wanted.id
    JOIN aftersales_reason reason ON reason.id = claim.reason_id
    JOIN orders_suborder part ON part.id = claim.suborder_id
    JOIN orders_order "order" ON "order".id = claim.order_id
    ORDER BY wanted.position
"""
NESTED = ("lines", "pictures", "parcels", "events", "notes")


def read_document(claim_id: int, *, links: Links | None = None) -> dict[str, Any]:
    """One claim that is known to be there; ``links`` as in ``claim_document``."""
    [document] = read_documents([claim_id], links=links)
    return document


def read_documents(claim_ids: Sequence[int], *, links: Links | None = None) -> list[dict[str, Any]]:
    """Claims in the order asked for."""
    documents = []
    for row in send(CLAIMS, {"claim_ids": list(claim_ids)}).named_rows():
        for name in NESTED:
            row[name] = orjson.loads(row[name])
        if row["return_address"] is not None:
            row["return_address"] = orjson.loads(row["return_address"])
        documents.append(claim_document(row, links=links))
    return documents
