"""Goods of claims that are in our hands."""

from __future__ import annotations

from django.db.models import Exists, F, OuterRef, QuerySet

from aftersales.models import Claim, ClaimLine, ClaimParcel


def list_to_send_back(claims: QuerySet[Claim]) -> QuerySet[Claim]:
    """Those of which units were inspected, not accepted, and are still here."""
    not_accepted = ClaimLine.objects.filter(
        claim=OuterRef("pk"), received_quantity__gt=F("accepted_quantity")
    )
    sent = ClaimParcel.objects.filter(
        claim=OuterRef("pk"), direction=ClaimParcel.Direction.SEND_BACK
    )
    return claims.filter(Exists(not_accepted), ~Exists(sent))
