"""Sets a stage for statements, bills and invoices in the database that DATABASE_URL names:
merchants on credit, with ten weeks of orders behind them.

Run as a program, with the address of a provider of invoices; prints the merchants' keys as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "openplatform.settings")
django.setup()

from accounts.models import Partner  # noqa: E402 - models need Django
from openplatform.connectors.models import Provider  # noqa: E402
from openplatform.core import clock  # noqa: E402
from tests.accounts.money_moves import make_staff  # noqa: E402
from tests.bench.history import add_history  # noqa: E402
from tests.cast import World, make_merchant  # noqa: E402
from tests.prove.finance import FINANCE  # noqa: E402
from tests.reconciliation.past import at  # noqa: E402

MERCHANTS = 50
SKUS = 12  # those that shoppers ask for
ORDERS = 1500
DAYS = 70


def main() -> None:
    world = World()
    for number in range(SKUS):
        world.make_sku(f"SKU-{number}", price=f"{number + 1}.10", north=5000)
    merchants = [
        make_merchant(f"m{n}", balance="100.00", credit_limit="900000.00") for n in range(MERCHANTS)
    ]
    for merchant in merchants:
        at(merchant.partner, clock.now() - timedelta(days=DAYS + 10))
    add_history(
        orders=ORDERS, partner_ids=[merchant.partner.pk for merchant in merchants], days=DAYS
    )
    # What the timetable would ask for would be more than what is asked for here.
    Partner.objects.update(created_at=clock.now())
    world.open_pool_to(*merchants)
    Provider.objects.create(
        code="invoices",
        name="invoices",
        service=Provider.Service.INVOICING,
        driver="simulated_invoicing",
        base_url=sys.argv[1],
    )
    make_staff(FINANCE)
    sys.stdout.write(json.dumps([merchant.key for merchant in merchants]))


if __name__ == "__main__":
    main()
