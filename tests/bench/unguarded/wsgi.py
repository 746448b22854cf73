"""``granian --interface wsgi tests.bench.unguarded.wsgi:application``"""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.unguarded.settings"
application = get_wsgi_application()
