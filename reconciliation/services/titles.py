"""Whom invoices are made out to."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

from accounts.services.locks import lock_partner
from openplatform.audit.services.recording import record_change
from openplatform.core.errors import (
    DomainError,
    FieldInvalid,
    FieldRequired,
    NotFound,
    refuse_if,
)
from openplatform.core.identifiers import dated_no
from openplatform.core.json_text import to_json
from openplatform.core.locking import transactional
from openplatform.idempotency.services.replay import Answer, ReplayKey, claim, record
from reconciliation.documents import title_document
from reconciliation.models import InvoiceTitle
from reconciliation.requests import TitleDraft
from reconciliation.tax_numbers import is_tax_number

MIN_NAME, MAX_NAME = 2, 100  # characters
MAX_LENGTHS = {"address": 200, "phone": 32, "bank_name": 120, "bank_account": 40, "email": 254}
NO_SUCH_TITLE = _("There is no such invoice title")


@transactional
def save_title(
    *,
    partner_id: int,
    draft: TitleDraft,
    now: datetime,
    replay: ReplayKey | None = None,
    actor: str = "",
) -> Answer:
    """A title that invoices can be asked for under (201). The same text again is the same title
    (200), which comes back into use if it was taken out.

    1. Claim the Idempotency-Key, lock the partner. 2. Find it, or write it.

    :param actor: the member of staff who enters it for the merchant; empty for the merchant itself.
    :raises Refusal: with all faults of its fields: the name has 2 to 100 characters, a company has
        a tax number whose check character holds, an individual has none.
    """
    if (kept := claim(replay)) is not None:
        return kept
    draft = replace(draft, tax_number=draft.tax_number.upper())
    refuse_if(_faults_of(draft))
    partner = lock_partner(pk=partner_id)
    known = InvoiceTitle.objects.filter(partner=partner, **asdict(draft)).first()
    title = known or InvoiceTitle.objects.create(
        title_id=dated_no("N", now), partner=partner, **asdict(draft)
    )
    if known is not None and not title.is_active:
        title.is_active = True
        title.save(update_fields=["is_active"])
    if known is None and actor:
        record_change(
            action="add_invoice_title",
            subject=title,
            before={},
            after=asdict(draft),
            actor=actor,
            partner_id=partner.pk,
        )
    title.refresh_from_db()  # when it was made, by the database's clock
    body = to_json(title_document(title))
    answer = Answer(201, body) if known is None else Answer(200, body, is_replay=True)
    record(replay, answer)
    return answer


@transactional
def retire_title(*, title_id: str, actor: str) -> InvoiceTitle:
    """The title, which nobody can ask for invoices under any more; those there are keep it.

    :raises NotFound: when there is no such title.
    """
    titles = InvoiceTitle.objects.select_for_update(no_key=True)
    title = titles.filter(title_id=title_id).first()
    if title is None:
        raise NotFound(NO_SUCH_TITLE)
    if title.is_active:
        title.is_active = False
        title.save(update_fields=["is_active"])
        record_change(
            action="retire_invoice_title",
            subject=title,
            before={"is_active": True},
            after={"is_active": False},
            actor=actor,
            partner_id=title.partner_id,
        )
    return title


def _faults_of(draft: TitleDraft) -> list[DomainError]:
    faults: list[DomainError] = []
    if draft.kind not in InvoiceTitle.Kind.values:
        faults.append(FieldInvalid(pointer="/kind"))
    if not MIN_NAME <= len(draft.name) <= MAX_NAME:
        faults.append(
            FieldInvalid(
                _("A name has %(minimum)d to %(maximum)d characters")
                % {"minimum": MIN_NAME, "maximum": MAX_NAME},
                pointer="/name",
                minimum=MIN_NAME,
                maximum=MAX_NAME,
            )
        )
    if draft.kind == InvoiceTitle.Kind.COMPANY:
        faults += _faults_of_tax_number(draft.tax_number)
    elif draft.tax_number:
        faults.append(
            FieldInvalid(_("Only companies have a tax number here"), pointer="/tax_number")
        )
    for name, maximum in MAX_LENGTHS.items():
        if len(getattr(draft, name)) > maximum:
            faults.append(
                FieldInvalid(
                    _("At most %(count)d characters") % {"count": maximum},
                    pointer=f"/{name}",
                    maximum=maximum,
                )
            )
    if draft.email:
        try:
            validate_email(draft.email)
        except ValidationError:
            faults.append(FieldInvalid(_("This is no email address"), pointer="/email"))
    return faults


def _faults_of_tax_number(text: str) -> list[DomainError]:
    if not text:
        return [FieldRequired(_("A company is known by its tax number"), pointer="/tax_number")]
    if not is_tax_number(text):
        return [
            FieldInvalid(
                _(
                    "This is neither a unified social credit code, of 18 characters, the last of"
                    " which checks the others, nor a number of 15"
                ),
                pointer="/tax_number",
            )
        ]
    return []
