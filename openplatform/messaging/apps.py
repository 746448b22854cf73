from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MessagingConfig(AppConfig):
    name = "openplatform.messaging"
    verbose_name = _("Messages")

    def ready(self) -> None:
        from openplatform.core.background import (
            register_daily_job,
            register_loop,
            register_part,
        )
        from openplatform.messaging import types
        from openplatform.messaging.delivery.warnings import warn_of_failing_endpoints
        from openplatform.messaging.gauges import get_outbox_seconds, read_message_gauges
        from openplatform.messaging.messages import MESSAGE_TYPES
        from openplatform.messaging.services.sending import send_due_mails
        from openplatform.operations.gauges import register_gauges
        from openplatform.operations.health import register_lag

        types.register(*MESSAGE_TYPES)
        register_gauges(read_message_gauges)
        register_lag("outbox_seconds", get_outbox_seconds)
        register_part("sequence messages", "openplatform.messaging.sequencer.run")
        register_loop("send mail", send_due_mails, pause=2.0)
        register_part("deliver webhooks", "openplatform.messaging.delivery.pump.run")
        register_loop("warn of failing endpoints", warn_of_failing_endpoints, pause=30.0)
        register_daily_job(
            "prune messages", "openplatform.messaging.services.pruning.prune_messages"
        )
        register_daily_job(
            "prune webhooks", "openplatform.messaging.services.pruning.prune_webhooks"
        )
        register_daily_job("prune mails", "openplatform.messaging.services.pruning.prune_mails")
