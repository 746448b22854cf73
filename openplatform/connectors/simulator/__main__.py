"""``python -m openplatform.connectors.simulator``."""

import sys

from openplatform.connectors.simulator.server import main

sys.exit(main())
