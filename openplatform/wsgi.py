"""The web entry point: ``granian --interface wsgi openplatform.wsgi:application``."""

from openplatform.startup import prepare

prepare()

from openplatform.operations.metrics import share_counts  # noqa: E402 - it needs the settings

share_counts()

from django.core.wsgi import get_wsgi_application  # noqa: E402 - the database comes up first

application = get_wsgi_application()
