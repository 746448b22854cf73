"""Documents of money as the API shows them."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from accounts.models import TopUp, TopUpProof
from openplatform.core import money
from openplatform.core.clock import to_text
from openplatform.core.uploads.links import signed_link


def top_up_document(top_up: TopUp) -> dict[str, Any]:
    """``GET /account/top-ups/{no}``, and what messages tell of it."""
    approved = top_up.approved_amount
    return {
        "top_up_no": top_up.top_up_no,
        "status": top_up.status,
        "currency": settings.CURRENCY,
        "amount": money.to_text(top_up.amount),
        "approved_amount": None if approved is None else money.to_text(approved),
        "reference": top_up.reference,
        "paid_at": to_text(top_up.paid_at),
        "proof_id": None if top_up.proof is None else top_up.proof.proof_id,
        "reject_reason": top_up.reject_reason or None,
        "created_at": to_text(top_up.created_at),
        "decided_at": to_text(top_up.decided_at),
    }


def proof_document(proof: TopUpProof) -> dict[str, Any]:
    """A proof, with a link that shows it for a few minutes."""
    url, expires_at = signed_link(proof.file, filename=f"{proof.proof_id}{_suffix(proof.file)}")
    return {
        "proof_id": proof.proof_id,
        "media_type": proof.media_type,
        "size_bytes": proof.size_bytes,
        "sha256": proof.sha256,
        "url": url,
        "url_expires_at": to_text(expires_at),
    }


def _suffix(name: str) -> str:
    return name[name.rindex(".") :]
