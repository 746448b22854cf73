"""Which acts the page of a claim offers, in which of its states.

The page (``review.ClaimAdmin``) is put together from mixins, one for each subject: deciding
(``decisions.DecisionActs``), notes, returns. A mixin

- has ``acts``: from the name of an act, which is its address, too, to the states of a claim in
  which it is offered;
- has the method of each act, decorated with ``core.admin.decorators.action``, and the
  ``has_<permission>_permission`` that it names, written with :func:`may_act`;
- stands among the bases of ``ClaimAdmin`` and in its ``mixins``. Nothing else is to be told: the
  buttons, and the refusal when an act comes too late, follow from ``acts``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from aftersales.errors import AftersaleStateConflict
from aftersales.models import Claim
from aftersales.services.transitions import Actor, Side

Acts = Mapping[str, Collection[str]]


class ClaimActs:
    """What the mixins of a claim's page have in common."""

    acts: ClassVar[Acts] = {}


def may_act(request: HttpRequest, permission: str) -> bool:
    """Whether the one who is logged in holds a permission of this app."""
    return bool(request.user.has_perm(f"aftersales.{permission}"))


def by_staff(request: HttpRequest) -> Actor:
    """Who acts, as the history of a claim has it."""
    return Actor(Side.OPERATOR, request.user.get_username())


def page_of(claim: Claim) -> str:
    """The address of a claim's page."""
    return reverse("admin:aftersales_claim_change", args=(claim.pk,))


def too_late(model_admin: Any, request: HttpRequest, claim: Claim, act: str) -> HttpResponse | None:
    """Back to the claim, told why, when it has left the states of an act; None while it has not."""
    states: Acts = model_admin.states_of_acts
    if claim.status in states[act]:
        return None
    text = f"{AftersaleStateConflict.title}: {claim.get_status_display()}"
    messages.warning(request, text)
    return HttpResponseRedirect(page_of(claim))
