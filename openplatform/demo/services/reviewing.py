"""The platform's operator of the walkthrough, as far as claims go."""

from __future__ import annotations

from django.contrib.auth.models import User

from aftersales.models import ClaimLine
from aftersales.services.deciding import approve_claim
from aftersales.services.inspecting import InspectedLine, inspect_return
from aftersales.services.receiving import receive_return
from aftersales.services.transitions import Actor, Side
from openplatform.core import clock

NAME = "operator"  # a login of the demo


class ReviewByStaff:
    """Grants claims and takes goods back through the services that the back office calls."""

    def __init__(self) -> None:
        self.by = Actor(Side.OPERATOR, NAME)

    def approve(self, aftersale_no: str) -> None:
        """Grant all that is claimed."""
        approve_claim(
            aftersale_no=aftersale_no,
            lines=None,
            freight_amount=None,
            note="",
            by=self.by,
            user=User.objects.filter(username=NAME).first(),
            now=clock.now(),
        )

    def take_back(self, aftersale_no: str) -> None:
        """Receive all that was sent back, and find it as expected."""
        now = clock.now()
        receive_return(aftersale_no=aftersale_no, quantities=None, by=self.by, now=now)
        lines = ClaimLine.objects.filter(claim__aftersale_no=aftersale_no, approved_quantity__gt=0)
        inspect_return(
            aftersale_no=aftersale_no,
            lines={
                line_no: InspectedLine(
                    accepted=units, restocked=units, result=ClaimLine.Inspection.AS_EXPECTED
                )
                for line_no, units in lines.values_list("line__line_no", "approved_quantity")
                if units is not None
            },
            note="",
            picture_ids=[],
            freight_amount=None,
            by=self.by,
            now=now,
        )
