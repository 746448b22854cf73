"""What can be decided. Apps above register their kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from openplatform.approvals.models import Approval
from openplatform.core.errors import type_of_text


class Apply(Protocol):
    """Step: carry out what was approved, with what the decider added in ``values``."""

    def __call__(
        self, approval: Approval, *, values: Mapping[str, Any], actor: str, now: datetime
    ) -> None: ...


class Reject(Protocol):
    """Step: let the document know that it was rejected, and why."""

    def __call__(self, approval: Approval, *, reason: str, actor: str, now: datetime) -> None: ...


class Describe(Protocol):
    """What the decider reads, in its language: label and text, line by line."""

    def __call__(self, approval: Approval) -> list[tuple[type_of_text, type_of_text]]: ...


class Refuses(Protocol):
    """Why something that waits can no longer be carried out, only be rejected; None when it can."""

    def __call__(self, approval: Approval) -> type_of_text | None: ...


@dataclass(frozen=True)
class ApprovalKind:
    """One kind of decision.

    :param permission: what the decider must hold, ``accounts.decide_topup``.
    :param reject: None when nothing but the approval itself is to be told.
    :param form: dotted path of a Django form for what the decider adds, or ``""``. Its
        ``__init__`` takes the approval as keyword.
    :param refuses: spares the decider a button that ``apply`` would refuse; None when there is
        nothing that outdates a request.
    """

    name: str
    title: type_of_text
    permission: str
    apply: Apply
    describe: Describe
    reject: Reject | None = None
    form: str = ""
    refuses: Refuses | None = None


KINDS: dict[str, ApprovalKind] = {}


def register(*kinds: ApprovalKind) -> None:
    """Make kinds known."""
    KINDS.update({kind.name: kind for kind in kinds})
