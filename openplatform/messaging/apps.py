from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MessagingConfig(AppConfig):
    name = "openplatform.messaging"
    verbose_name = _("Messages")

    def ready(self) -> None:
        from openplatform.core.background import register_daily_job, register_loop
        from openplatform.messaging.services.sending import send_due_mails
        from openplatform.messaging.services.sequencing import sequence_if_any

        register_loop("sequence messages", sequence_if_any, pause=0.1)
        register_loop("send mail", send_due_mails, pause=2.0)
        register_daily_job(
            "prune messages", "openplatform.messaging.services.pruning.prune_messages"
        )
        register_daily_job("prune mails", "openplatform.messaging.services.pruning.prune_mails")
