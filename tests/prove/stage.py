"""Sets a stage for the faults: goods and merchants in the database that DATABASE_URL names.

Run as a program; prints the merchants' keys as JSON.
"""

from __future__ import annotations

import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "openplatform.settings")
django.setup()

from catalog.models import Stock  # noqa: E402 - models need Django
from tests.cast import World, make_merchant  # noqa: E402

MERCHANTS = 3
SKUS = 12
UNITS = 400  # of each SKU in each warehouse: some sell out while the faults go on


def main() -> None:
    world = World()
    merchants = [make_merchant(f"m{n}", balance="60000.00") for n in range(MERCHANTS)]
    world.open_pool_to(*merchants)
    for number in range(SKUS):
        world.make_sku(f"SKU-{number}", price=f"{number + 1}.10", north=UNITS, south=UNITS)
    Stock.objects.filter(sku__code="SKU-0").update(on_hand=20)
    sys.stdout.write(json.dumps([merchant.key for merchant in merchants]))


if __name__ == "__main__":
    main()
