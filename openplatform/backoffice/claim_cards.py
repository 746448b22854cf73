"""What the first page says of claims."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from aftersales.selectors.queue import MAX_COUNTED, Standing, get_standings
from aftersales.states import ClaimStatus
from openplatform.backoffice.cards import Card


def claim_cards(now: datetime) -> list[Card]:
    """Claims to decide, always; returns to receive and to inspect while there are any."""
    standings = get_standings()
    cards = [_card(standings[ClaimStatus.SUBMITTED], _("Claims to decide"), "gavel", "decide", now)]
    for status, title, icon, queue in (
        (ClaimStatus.RETURN_SHIPPED, _("Returns to receive"), "inbox", "receive"),
        (ClaimStatus.RETURN_RECEIVED, _("Returns to inspect"), "search_check", "inspect"),
    ):
        card = _card(standings[status], title, icon, queue, now)
        if card.value != "0":
            cards.append(card)
    return cards


def _card(standing: Standing, title: str, icon: str, queue: str, now: datetime) -> Card:
    is_cut = standing.count >= MAX_COUNTED
    return Card(
        title,
        f"{MAX_COUNTED - 1}+" if is_cut else f"{standing.count:,}",
        icon,
        reverse("admin:aftersales_claim_changelist", query={"queue": queue}),
        note=_note(standing, now),
        is_alert=standing.overdue_count > 0,
    )


def _note(standing: Standing, now: datetime) -> str:
    if standing.overdue_count and standing.next_deadline is not None:
        text = ngettext(
            "%(count)d is overdue, the first for %(time)s",
            "%(count)d are overdue, the first for %(time)s",
            standing.overdue_count,
        )
        late = timesince(standing.next_deadline, now, depth=1)
        return text % {"count": standing.overdue_count, "time": late}
    if standing.next_deadline is not None:
        left = timeuntil(standing.next_deadline, now, depth=1)
        return _("The next one is due in %(time)s") % {"time": left}
    return _("On their way to us") if standing.count else _("Nothing waits")
