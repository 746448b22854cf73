"""Operators of the database that DATABASE_URL names: they decide whatever no rule has decided.

Run as a program. Two sit at it at once, so that they meet; they may be killed at any moment, and
take up where they were.

    python -m tests.prove.operators --prepare 20.00    sets the stage: reasons, a rule, a login
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "openplatform.settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402 - models need Django
from django.db import DatabaseError, connection  # noqa: E402

from aftersales.models import ApprovalRule, Claim  # noqa: E402
from aftersales.services.deciding import approve_claim, reject_claim  # noqa: E402
from openplatform.core import clock  # noqa: E402
from openplatform.core.errors import DomainError  # noqa: E402
from tests.aftersales.acts import OPERATOR, make_reasons  # noqa: E402

NAME = "operator"
POLL = 0.2  # seconds
REJECTED_OF = 5  # every fifth claim


def main() -> None:
    if "--prepare" in sys.argv:
        make_reasons()
        ApprovalRule.objects.create(name="small", max_amount=sys.argv[-1])
        User.objects.create_user(NAME)
        return
    threads = [threading.Thread(target=decide_for_ever, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def decide_for_ever() -> None:
    while True:
        # The database is killed, too; a claim that another has decided is refused.
        with contextlib.suppress(DatabaseError):
            decide_all()
        connection.close()
        time.sleep(POLL)


def decide_all() -> None:
    staff = User.objects.get(username=NAME)
    waiting = Claim.objects.filter(status="submitted").order_by("pk")
    for number, pk in waiting.values_list("aftersale_no", "pk"):
        with contextlib.suppress(DomainError):
            if pk % REJECTED_OF == 0:
                reject_claim(aftersale_no=number, note="No", by=OPERATOR, now=clock.now())
                continue
            approve_claim(
                aftersale_no=number, lines=None, freight_amount=None, note="", by=OPERATOR,
                user=staff, now=clock.now(),
            )  # fmt: skip


if __name__ == "__main__":
    main()
