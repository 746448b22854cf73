"""Claims, their pictures, parcels and notes, and the rules that decide some of them."""

from aftersales.models.claims import (
    Claim,
    ClaimEvent,
    ClaimLine,
    ClaimNote,
    ClaimParcel,
    ClaimType,
    Reason,
)
from aftersales.models.pictures import ClaimPicture
from aftersales.models.rules import ApprovalRule, RuleApproval

__all__ = [
    "ApprovalRule",
    "Claim",
    "ClaimEvent",
    "ClaimLine",
    "ClaimNote",
    "ClaimParcel",
    "ClaimPicture",
    "ClaimType",
    "Reason",
    "RuleApproval",
]
