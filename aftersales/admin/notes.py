"""Writing to the merchant about a claim."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from aftersales.admin.acts import ClaimActs, by_staff, may_act, page_of
from aftersales.admin.claim_view import facts_of
from aftersales.forms.notes import WriteNoteForm
from aftersales.models import Claim
from aftersales.services.notes import add_note
from aftersales.services.pictures import keep_staff_pictures
from aftersales.states import ClaimStatus
from openplatform.core import clock
from openplatform.core.admin.decorators import action
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.errors import type_of_text


class NoteActs(ClaimActs):
    """Notes, in whatever state a claim is."""

    acts = {"note": tuple(ClaimStatus)}

    def has_note_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever works on claims."""
        return may_act(request, "decide_claim") or may_act(request, "inspect_claim")

    @action(description=_("Write a note"), permissions=["note"], icon="chat")
    def note(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A note to the merchant, once however often the form is sent."""
        claim: Claim = self.get_row(request, object_id)  # type: ignore[attr-defined]

        def call(values: Values) -> type_of_text:
            now = clock.now()
            picture_ids = keep_staff_pictures(
                partner_id=claim.partner_id,
                files=values["pictures"],
                uploaded_by=request.user.get_username(),
                now=now,
            )
            add_note(
                aftersale_no=claim.aftersale_no,
                partner_id=None,
                by=by_staff(request),
                text=values["text"],
                picture_ids=picture_ids,
                now=now,
            )
            return _("The note was written; the merchant is told")

        return answer_form_page(
            self,
            request,
            form_class=WriteNoteForm,
            title=_("Write a note on the claim"),
            submit=_("Write"),
            call=call,
            back_to=f"{page_of(claim)}#conversation",
            subject=claim,
            told_when_repeated=_("The note was written already"),
            extra_context={"facts": facts_of(claim)},
        )
