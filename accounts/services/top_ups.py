"""Money that comes in: reported by its merchant or entered by finance, booked by another."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _

from accounts.documents import top_up_document
from accounts.errors import ReferenceConflict
from accounts.messages import publish_account
from accounts.models import ApiKey, LedgerEntry, Partner, TopUp, TopUpProof
from accounts.services import wallet
from accounts.services.locks import lock_partner
from accounts.services.money_documents import (
    exact_amount,
    mark_approved,
    mark_rejected,
    require_reference,
    submit,
)
from openplatform.approvals.models import Approval
from openplatform.core import money
from openplatform.core.errors import FieldInvalid, FieldRequired
from openplatform.core.identifiers import dated_no
from openplatform.core.json_text import to_json
from openplatform.core.locking import require_transaction, transactional
from openplatform.idempotency.services.replay import Answer, ReplayKey, claim, record

KIND = "top_up"
CLOCKS_DIFFER = timedelta(hours=1)  # by how much a transfer may lie in our future


@transactional
def report_top_up(
    *,
    partner_id: int,
    amount: Decimal,
    reference: str,
    paid_at: datetime,
    proof_id: str | None,
    key_id: int,
    actor: str,
    now: datetime,
    replay: ReplayKey | None = None,
) -> Answer:
    """A merchant's transfer, which finance then decides on (201); the same again is a replay (200).

    1. Claim the Idempotency-Key, lock the partner: reports of one partner come one by one.
    2. A transfer known by its reference ends here.
    3. Write the top-up and ask for its approval.

    :raises FieldInvalid: for an amount that is not positive, a moment in the future, a proof that
        is not the partner's or belongs to another top-up.
    :raises ReferenceConflict: when the reference was used for another transfer.
    """
    if (kept := claim(replay)) is not None:
        return kept
    partner = lock_partner(pk=partner_id)
    known = TopUp.objects.select_related("proof").filter(partner=partner, reference=reference)
    if (top_up := known.first()) is not None:
        if top_up.amount != amount or not _is_same_report(top_up, paid_at, proof_id):
            raise ReferenceConflict(pointer="/reference", top_up_no=top_up.top_up_no)
        answer = Answer(200, to_json(top_up_document(top_up)), is_replay=True)
        record(replay, answer)
        return answer
    amount = exact_amount(amount)
    _require_past(paid_at, now)
    proof = None
    if proof_id is not None:
        # Locked, so that it is not forgotten as unused at this moment.
        own = TopUpProof.objects.select_for_update(of=["self"])
        proof = own.filter(partner=partner, proof_id=proof_id, top_up=None).first()
        if proof is None:
            raise FieldInvalid(_("There is no such proof, or it is used"), pointer="/proof_id")
    top_up = _write(
        partner, amount=amount, reference=reference, paid_at=paid_at, proof=proof, note="",
        actor=actor, now=now,
    )  # fmt: skip
    submit(
        top_up,
        kind=KIND,
        facts={"amount": money.to_text(amount), "reference": reference},
        actor=actor,
        user=None,
        requester=partner.code,
        reason="",
        barred=_makers_of(key_id),
    )
    answer = Answer(201, to_json(top_up_document(top_up)))
    record(replay, answer)
    return answer


@transactional
def enter_top_up(
    *,
    partner_code: str,
    amount: Decimal,
    reference: str,
    paid_at: datetime | None,
    note: str,
    user: User,
    now: datetime,
) -> TopUp:
    """A transfer that finance saw come in; another person books it. The same again is the same.

    :raises NotFound: when there is no such partner.
    :raises FieldInvalid: unless the amount is positive, in whole cents and below a trillion.
    :raises ReferenceConflict: when the reference was used for another amount.
    """
    partner = lock_partner(code=partner_code)
    known = TopUp.objects.filter(partner=partner, reference=reference).first()
    if known is not None:
        if known.amount != amount:
            raise ReferenceConflict(pointer="/reference", top_up_no=known.top_up_no)
        return known
    return ask_for_top_up(
        partner=partner, amount=amount, reference=reference, paid_at=paid_at, note=note,
        user=user, now=now,
    )  # fmt: skip


def ask_for_top_up(
    *,
    partner: Partner,
    amount: Decimal,
    reference: str,
    paid_at: datetime | None,
    note: str,
    user: User,
    now: datetime,
) -> TopUp:
    """Step: a top-up that waits for a second person.

    :raises FieldInvalid: unless the amount is positive, in whole cents and below a trillion.
    """
    require_transaction()
    require_reference(reference)
    amount = exact_amount(amount)
    if paid_at is not None:
        _require_past(paid_at, now)
    actor = user.get_username()
    top_up = _write(
        partner, amount=amount, reference=reference, paid_at=paid_at, proof=None, note=note,
        actor=actor, now=now,
    )  # fmt: skip
    submit(
        top_up,
        kind=KIND,
        facts={"amount": money.to_text(amount), "reference": reference},
        actor=actor,
        user=user,
        requester=actor,
        reason=note,
    )
    return top_up


def add_top_up(
    *, partner: Partner, amount: Decimal, reference: str, note: str, actor: str, now: datetime
) -> TopUp:
    """Step: a top-up that is booked at once, as an opening balance by a command is.

    :raises FieldInvalid: unless the amount is positive, in whole cents and below a trillion, and
        the balance stays so.
    """
    require_transaction()
    amount = exact_amount(amount)
    top_up = _write(
        partner, amount=amount, reference=reference, paid_at=None, proof=None, note=note,
        actor=actor, now=now,
    )  # fmt: skip
    _book(top_up, amount=amount, note=note, actor=actor, now=now)
    return top_up


def apply_top_up(
    approval: Approval, *, values: Mapping[str, Any], actor: str, now: datetime
) -> None:
    """Step: book what was approved: all of it, or less (what the bank kept), with a note.

    :param values: ``approved_amount`` as text, the reported one when it is missing; ``note``.
    :raises FieldInvalid: for more than was reported, or nothing.
    :raises FieldRequired: for less without a note.
    """
    require_transaction()
    top_up = TopUp.objects.select_for_update(no_key=True).get(top_up_no=approval.subject_no)
    amount = exact_amount(
        Decimal(values.get("approved_amount", top_up.amount)), pointer="/approved_amount"
    )
    note = values.get("note", "")
    if amount > top_up.amount:
        raise FieldInvalid(
            _("No more can be approved than was reported"),
            pointer="/approved_amount",
            maximum=money.to_text(top_up.amount),
        )
    if amount != top_up.amount and not note:
        raise FieldRequired(pointer="/note")
    _book(top_up, amount=amount, note=note or top_up.note, actor=actor, now=now)
    publish_account(
        type="account.topped_up", partner_id=top_up.partner_id, top_up=top_up_document(top_up)
    )


def reject_top_up(approval: Approval, *, reason: str, actor: str, now: datetime) -> None:
    """Step: no money moves; the merchant is told why."""
    require_transaction()
    top_up = TopUp.objects.select_for_update(no_key=True).get(top_up_no=approval.subject_no)
    mark_rejected(top_up, reason=reason, actor=actor, now=now)
    publish_account(
        type="account.top_up_rejected",
        partner_id=top_up.partner_id,
        top_up=top_up_document(top_up),
    )


def _require_past(paid_at: datetime, now: datetime) -> None:
    if paid_at > now + CLOCKS_DIFFER:
        raise FieldInvalid(_("This moment is still to come"), pointer="/paid_at")


def _makers_of(key_id: int) -> list[str]:
    """Who made the key: staff who reported with a key of their own making would be alone."""
    return list(
        ApiKey.objects.filter(pk=key_id).exclude(created_by="").values_list("created_by", flat=True)
    )


def _is_same_report(top_up: TopUp, paid_at: datetime, proof_id: str | None) -> bool:
    """What finance entered first, without day and proof, is the merchant's report all the same."""
    known_proof = None if top_up.proof is None else top_up.proof.proof_id
    return top_up.paid_at is None or (top_up.paid_at, known_proof) == (paid_at, proof_id)


def _write(
    partner: Partner,
    *,
    amount: Decimal,
    reference: str,
    paid_at: datetime | None,
    proof: TopUpProof | None,
    note: str,
    actor: str,
    now: datetime,
) -> TopUp:
    return TopUp.objects.create(
        top_up_no=dated_no("T", now),
        partner=partner,
        amount=amount,
        reference=reference,
        paid_at=paid_at,
        proof=proof,
        note=note,
        actor=actor,
        created_at=now,
    )


def _book(top_up: TopUp, *, amount: Decimal, note: str, actor: str, now: datetime) -> None:
    top_up.approved_amount = amount
    mark_approved(top_up, actor=actor, now=now, fields=("approved_amount",))
    wallet.book(
        partner_id=top_up.partner_id,
        kind=LedgerEntry.Kind.TOP_UP,
        amount=amount,
        document=LedgerEntry.Document.TOP_UP,
        document_no=top_up.top_up_no,
        note=note,
        actor=actor,
    )
