"""``manage.py walkthrough``: a merchant's whole day over the API."""

from __future__ import annotations

import csv
import json
import secrets
import tempfile
from argparse import ArgumentParser
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from openplatform.core.errors import DomainError
from openplatform.demo import texts
from openplatform.demo.delivery import Parcel
from openplatform.demo.merchant_day import MerchantDay
from openplatform.demo.narration import Narrator, WalkthroughFailed
from openplatform.demo.services.issuing import issue_through_provider
from openplatform.demo.services.loading import read_demo_file
from openplatform.demo.services.receiving import find_receiver
from openplatform.demo.services.reviewing import ReviewByStaff


class Command(BaseCommand):
    help = (
        "Play a merchant's day over HTTP with only a key: pool, details, prices, stock, a refused "
        "order, a quote, an order that splits, payment, a refund before shipment, an invoice, "
        "shipping in parts, tracking, receipt, a return with inspection, the credit invoice for "
        "it, timeline, a statement, a comparison with the merchant's own books, bills, messages by "
        "feed and by webhook, ledger. Every step checks what it gets; the exit status is not zero "
        "when something is off."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--base-url", help="where the platform runs (default: see demo.json)")
        parser.add_argument("--key", help="a merchant's API key (default: see demo.json)")
        parser.add_argument("--language", choices=texts.LANGUAGES, default="zh")
        parser.add_argument("--json", action="store_true", help="print one JSON document instead")
        parser.add_argument(
            "--ship-with-import",
            action="store_true",
            help="also play the operator, who ships the order with `import shipments`, to a "
            "provider whose parcels arrive within a minute, and decides its claims, and finance, "
            "who has its invoice issued; else the day waits for whoever does",
        )
        parser.add_argument(
            "--receive-at",
            type=int,
            metavar="PORT",
            help="of this machine, where the platform may send webhooks to: named in its "
            "WEBHOOK_PRIVATE_HOSTS as 127.0.0.1:PORT (default: see demo.json). Without any, or "
            "when somebody receives there already, the day goes without webhooks.",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        base_url, key = self._read_access(options["base_url"], options["key"])
        is_json = options["json"]
        narrator = Narrator(
            base_url=base_url,
            key=key,
            language=options["language"],
            tell=_tell_nobody if is_json else self._tell,
        )
        day = MerchantDay(
            narrator,
            ship=ship_by_import if options["ship_with_import"] else None,
            review=ReviewByStaff() if options["ship_with_import"] else None,
            issue=issue_through_provider if options["ship_with_import"] else None,
            receive_at=options["receive_at"] or find_receiver(key),
        )
        order: dict[str, Any] | None = None
        failure: str | None = None
        try:
            with closing(narrator):
                order = day.run()
        except WalkthroughFailed as error:
            failure = str(error)
        except KeyError as error:  # a field that the contract promises
            path = narrator.last_path
            failure = narrator.text_of("field_missing", path=path, field=error)
        except CommandError as error:  # the operator's import
            failure = narrator.text_of("shipping_failed", reason=error)
        except DomainError as error:  # what the operator decided, or finance
            failure = narrator.text_of("review_failed", reason=error.detail)
        if is_json:
            document = {
                "passed": failure is None,
                "failure": failure,
                "order_no": order and order["order_no"],
                "steps": [asdict(step) for step in narrator.steps],
            }
            self.stdout.write(json.dumps(document, ensure_ascii=False))
        if failure is not None:
            raise CommandError(failure)

    def _tell(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def _read_access(self, base_url: str | None, key: str | None) -> tuple[str, str]:
        if base_url and key:
            return base_url, key
        demo = read_demo_file()
        if demo is None:
            raise CommandError(
                "Name --base-url and --key: there is no demo.json to take them from."
            )
        return base_url or demo["base_url"], key or demo["merchants"][0]["key"]


def _tell_nobody(_line: str) -> None:
    pass


def ship_by_import(parcels: Sequence[Parcel]) -> None:
    """Ship parcels by the operator's door.

    :raises CommandError: when the import refuses.
    """
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "shipments.csv"
        with file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["order_no", "carrier", "waybill_no", "lines"])
            for parcel in parcels:
                waybill_no = f"DEMO{secrets.randbelow(10**12):012d}"
                writer.writerow([parcel.suborder_no, parcel.carrier, waybill_no, parcel.lines])
        call_command("import", "shipments", str(file), stdout=StringIO())
