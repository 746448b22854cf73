"""One endpoint that we send to: what goes next, and what an answer means for it and the rest."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from math import inf
from operator import attrgetter

from django.conf import settings

from openplatform.messaging.delivery.letters import Stationery, stationery_of
from openplatform.messaging.delivery.schedule import probe_wait, wait_after
from openplatform.messaging.models import WebhookDelivery, WebhookEndpoint

WINDOW = 200  # deliveries of an endpoint that are known before their turn
PROBE_WINDOW = 10  # while it fails: enough to find one that is not to blame
MAX_OPEN = 2000  # deliveries of an endpoint that wait, those to be tried again far later too
OVERTAKEN = 60  # seconds that an earlier message of a subject is at least away, to be overtaken
RELOAD_EVERY = 30  # seconds
KEEP = 2.0  # seconds that an endpoint without work is kept
HORIZON = OVERTAKEN + RELOAD_EVERY  # what is due later need not be known
FAILURES_TO_FAIL = 5  # in a row
PROBES_WITH_OLDEST = 3  # in a row, while nobody is there
OK = range(200, 300)
GONE = 410
# Answers that say nothing of the message: the receiver, or what is before it, is not there.
ABSENT = frozenset({502, 503, 504})
Status = WebhookEndpoint.Status
DeliveryStatus = WebhookDelivery.Status
by_sequence = attrgetter("sequence")
sealed_of = attrgetter("secret", "old_secret", "old_secret_until", "headers")


@dataclass(slots=True, eq=False)
class Waiting:
    """A delivery on its way. ``due_at`` is on the clock of the event loop."""

    id: int
    message_id: str
    sequence: int
    subject: str
    tries: int
    due_at: float
    is_wanted: bool
    is_sending: bool = False
    is_probe: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an attempt comes to.

    :param status: of the delivery from now on.
    :param wait: seconds to the next attempt, if there is to be one.
    :param counts: whether it is one of the message's own tries.
    """

    status: str
    wait: float | None
    counts: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """An endpoint's status changes, provided that it still ``was`` what we took it for; to be
    disabled, it has to have its ``url`` still.
    """

    endpoint_id: int
    url: str
    was: str
    status: str
    failures: int
    failed: int  # attempts that failed in a row, those too that were on their way by then
    pause: float | None


class Lane:
    """All of one endpoint that its only sender has to know.

    Circuit: after five failures in a row it is failing, and one request at a time probes whether
    it takes messages again. It does as soon as one is taken.
    """

    def __init__(
        self, endpoint: WebhookEndpoint, *, pause: float, last: tuple[int | None, int], now: float
    ) -> None:
        """:param pause: seconds until it wants requests again, or is to be probed.
        :param last: status code of the last attempt, if there was an answer, and its sequence.
        """
        self.endpoint = endpoint
        self.window: list[Waiting] = []
        self.subjects: Counter[str] = Counter()
        self.sending = 0
        self.status: str = endpoint.status
        self.known_status: str = endpoint.status  # in the database
        self.failures = endpoint.failures
        self.paused_until = now + pause
        self.is_changed = False  # failures or pause, and not written yet
        self.has_more = True  # in the log, as far as we know
        self.is_filled = False  # from the log, once at least
        self.is_stale = True  # its deliveries are to be read (again)
        self.reload_at = inf
        self.is_cut = False  # the window does not hold all that is due soon
        self.elsewhere = 0  # deliveries that are open and not in the window
        self.unsaved: set[int] = set()  # deliveries of which an attempt is not written yet
        self.is_ending = False  # it is given back as soon as nothing is on its way
        self.held_since = now
        self.busy_at = now
        self.wakes_at = now
        self._last_code, self._last_sequence = last
        self._known: dict[int, Waiting] = {}
        self._may_have_wanted = False
        self._late_failures = 0  # beyond those that made it failing
        self._stationery: Stationery | None = None
        self._stationery_is_made = False

    # What is to be sent

    def room(self) -> int:
        """How many more messages of the log it wants; 0 while it has enough.

        None are taken before all that is due soon is known: they would overtake it.
        """
        if self.is_stale or self.is_cut or self.is_ending or self.status == Status.DISABLED:
            return 0
        count = len(self.window)
        if self.status == Status.FAILING:
            return max(PROBE_WINDOW - count - self.elsewhere, 0)
        if count > WINDOW // 2 and self.sending:
            return 0
        return max(min(WINDOW - count, MAX_OPEN - count - self.elsewhere), 0)

    def load(self, deliveries: Collection[Waiting], total: int, now: float) -> None:
        """Everything that is to be sent soon, out of all that is open."""
        kept = {one.id for one in deliveries}
        kept |= self.unsaved
        for one in [one for one in self.window if not one.is_sending and one.id not in kept]:
            self.forget(one)
        self.add(deliveries)
        self.is_stale = False
        self.is_cut = WINDOW <= len(deliveries) < total
        self.elsewhere = max(total - len(self.window), 0)
        self.reload_at = now + RELOAD_EVERY if self.elsewhere else inf

    def wants_reading(self, now: float) -> bool:
        """Whether its deliveries are to be read (again): others changed them, some that were due
        later are due soon, or most of a window that did not hold all is through.
        """
        is_low = self.is_cut and len(self.window) <= WINDOW // 2
        self.is_stale |= is_low or now >= self.reload_at
        return self.is_stale

    def is_over(self, now: float) -> bool:
        """Whether to give it back: nothing is under way, and nothing to be done soon."""
        if self.sending or self.unsaved:
            return False
        if self.is_ending or self.status == Status.DISABLED:
            return True
        if self.is_stale or self.is_cut or (self.has_more and self.room()):
            return False
        return now - self.busy_at >= KEEP and self.wakes_at > now + KEEP

    def add(self, deliveries: Iterable[Waiting]) -> None:
        """Deliveries that are to be sent, known ones too.

        Of those whose last attempt is not written yet we know better.
        """
        for one in deliveries:
            if one.id in self.unsaved:
                continue
            self._may_have_wanted |= one.is_wanted
            known = self._known.get(one.id)
            if known is None:
                insort(self.window, one, key=by_sequence)
                self._known[one.id] = one
                self.subjects[one.subject] += 1
            elif not known.is_sending:
                known.due_at, known.is_wanted, known.tries = one.due_at, one.is_wanted, one.tries
        self.wakes_at = 0.0

    def forget(self, one: Waiting) -> None:
        """It is not to be sent any more, or not by us."""
        if self._known.pop(one.id, None) is None:
            return
        self.window.remove(one)
        self.subjects[one.subject] -= 1
        if not self.subjects[one.subject]:
            del self.subjects[one.subject]

    def choose(self, now: float, most: int) -> list[Waiting]:
        """What is to be sent now, marked so, oldest first; ``wakes_at`` says when to ask again."""
        self.wakes_at = inf
        if self.is_stale or self.is_ending or self.status == Status.DISABLED:
            return []
        if self.status == Status.FAILING:
            chosen = self._choose_probe(now) if most else []
        else:
            chosen = self._choose(now, most)
        for one in chosen:
            one.is_sending = True
            one.is_probe = self.status == Status.FAILING
        self.sending += len(chosen)
        if chosen:
            self.busy_at = now
        return chosen

    def give_back(self, one: Waiting) -> None:
        """It was chosen and could not be sent."""
        one.is_sending = False
        self.sending -= 1
        self.wakes_at = 0.0

    def _choose(self, now: float, most: int) -> list[Waiting]:
        chosen: list[Waiting] = []
        most = min(most, settings.WEBHOOK_IN_FLIGHT - self.sending)
        is_paused = now < self.paused_until
        if is_paused:
            self.wakes_at = self.paused_until
        blocked = {one.subject for one in self.window if one.is_sending} if self.sending else set()
        for one in self._wanted():
            if one.subject not in blocked and len(chosen) < most:
                chosen.append(one)
                blocked.add(one.subject)
        for one in self.window:
            if len(chosen) >= most or len(blocked) == len(self.subjects):
                break
            if one.subject in blocked:
                continue
            if one.due_at <= now and not is_paused:
                chosen.append(one)
                blocked.add(one.subject)
                continue
            if one.due_at > now:
                self.wakes_at = min(self.wakes_at, one.due_at)
            if one.due_at - now <= OVERTAKEN:
                blocked.add(one.subject)
        return chosen

    def _choose_probe(self, now: float) -> list[Waiting]:
        if self.sending or not self.window:
            return []
        if wanted := self._wanted():
            return wanted[:1]
        if now < self.paused_until:
            self.wakes_at = self.paused_until
            return []
        is_absent = self._last_code is None or self._last_code in ABSENT
        if is_absent and self.failures < FAILURES_TO_FAIL + PROBES_WITH_OLDEST:
            return self.window[:1]
        # The message may be to blame, one that takes its receiver down even: the next one of those
        # that may go now, around and around.
        free: list[Waiting] = []
        blocked: set[str] = set()
        for one in self.window:
            if one.subject in blocked:
                continue
            free.append(one)
            if one.due_at - now <= OVERTAKEN:
                blocked.add(one.subject)
        later = [one for one in free if one.sequence > self._last_sequence]
        return (later or free)[:1]

    def _wanted(self) -> list[Waiting]:
        """What somebody asked for by name: it waits for no pause and for no turn."""
        if not self._may_have_wanted:
            return []
        wanted = [one for one in self.window if one.is_wanted and not one.is_sending]
        self._may_have_wanted = bool(wanted)
        return wanted

    # What comes of it

    def settle(self, one: Waiting, *, code: int | None, retry_after: float, now: float) -> Verdict:
        """Take note of an answer (None: there was none) to what was chosen."""
        was_wanted, one.is_sending, one.is_wanted = one.is_wanted, False, False
        self.unsaved.add(one.id)
        self.sending -= 1
        self.busy_at = now
        self.wakes_at = 0.0
        if code is not None and code in OK:
            self.forget(one)
            self._passed(ends_pause=was_wanted)
            return Verdict(DeliveryStatus.DELIVERED, None, counts=True)
        self._last_code, self._last_sequence = code, one.sequence
        if code == GONE:
            self.status = Status.DISABLED
            one.due_at = now
            return Verdict(DeliveryStatus.PENDING, None, counts=False)
        self._failed(one, now)
        if retry_after:
            self.paused_until = max(self.paused_until, now + retry_after)
            self.is_changed |= self.status != Status.DISABLED
        if one.is_probe and self.status == Status.FAILING:
            return Verdict(DeliveryStatus.PENDING, self.paused_until - now, counts=False)
        one.tries += 1
        wait = wait_after(one.tries)
        if wait is None:
            self.forget(one)
            return Verdict(DeliveryStatus.SET_ASIDE, None, counts=True)
        wait = max(wait, retry_after)
        one.due_at = now + wait
        if wait > HORIZON and self.status == Status.ENABLED:
            self.forget(one)
            self.elsewhere += 1
            self.reload_at = min(self.reload_at, now + RELOAD_EVERY)
        return Verdict(DeliveryStatus.PENDING, wait, counts=True)

    def drop(self, one: Waiting) -> Verdict:
        """Its message is not kept any more: there is nothing to be sent."""
        self.unsaved.add(one.id)
        self.sending -= 1
        self.forget(one)
        self.wakes_at = 0.0
        return Verdict(DeliveryStatus.SET_ASIDE, None, counts=False)

    def _passed(self, *, ends_pause: bool) -> None:
        if self.status == Status.DISABLED:
            return
        if self.status == Status.FAILING:
            self.is_stale = True  # they drain in order, whenever they were to be tried again
            ends_pause = True
        # A pause of one that does not fail is what its receiver asked for. What was on its way by
        # then says nothing of it.
        if self.failures or self.status == Status.FAILING or (ends_pause and self.paused_until):
            self.status = Status.ENABLED
            self.failures = 0
            self.paused_until = 0.0 if ends_pause else self.paused_until
            self.is_changed = True

    def _failed(self, one: Waiting, now: float) -> None:
        if self.status == Status.ENABLED:
            self.failures += 1
            self.is_changed = True
            if self.failures >= FAILURES_TO_FAIL:
                self.status = Status.FAILING
                self._late_failures = 0
                self.paused_until = max(self.paused_until, now + probe_wait(0))
                self.is_stale = True
        elif self.status == Status.FAILING and one.is_probe:
            self.failures += 1
            self.is_changed = True
            self.paused_until = now + probe_wait(self.failures - FAILURES_TO_FAIL)
        elif self.status == Status.FAILING:
            self._late_failures += 1

    # What the database says

    def turn(self, now: float) -> Turn | None:
        """The change of status that is to be written, if there is one."""
        if self.status == self.known_status:
            return None
        was, self.known_status, self.is_changed = self.known_status, self.status, False
        return Turn(
            self.endpoint.pk, self.endpoint.url, was, self.status, self.failures,
            self.failures + self._late_failures, self.pause(now),
        )  # fmt: skip

    def pause(self, now: float) -> float | None:
        """Seconds until it wants requests again, or is to be probed."""
        return self.paused_until - now if self.paused_until > now else None

    def refresh(self, endpoint: WebhookEndpoint, *, pause: float, now: float) -> None:
        """Take over what others changed of the endpoint; what is not written yet is ours to say."""
        self._stationery_is_made &= sealed_of(endpoint) == sealed_of(self.endpoint)
        self.endpoint = endpoint
        if endpoint.status != self.known_status:
            self.is_stale = True
            self.status = self.known_status = endpoint.status
            self.failures, self.paused_until = endpoint.failures, now + pause
            self.is_changed = False
            self.wakes_at = 0.0
        elif not self.is_changed and self.status == self.known_status:
            if self.paused_until > now >= now + pause - 0.001:  # another address, say
                self.wakes_at = 0.0
            self.paused_until = now + pause

    def stationery(self, moment: datetime) -> Stationery | None:
        """What requests to it have in common; None when it cannot be opened."""
        made = self._stationery
        is_over = made is not None and made.until is not None and made.until <= moment
        if not self._stationery_is_made or is_over:
            self._stationery = stationery_of(self.endpoint, moment)
            self._stationery_is_made = True
        return self._stationery
