from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        from accounts.approval_kinds import KINDS
        from accounts.messages import MESSAGE_TYPES
        from accounts.recipients import find_recipients
        from accounts.selectors import list_partner_ids
        from accounts.services.key_warnings import warn_of_expiring_keys
        from accounts.services.proofs import FOLDER, list_proof_files
        from accounts.services.signatures import prune_nonces
        from openplatform.approvals import kinds
        from openplatform.core.background import register_daily_job, register_loop
        from openplatform.core.uploads.storage import register_folder
        from openplatform.messaging import types
        from openplatform.messaging.recipients import register_recipients

        types.register(*MESSAGE_TYPES)
        types.register_partners(list_partner_ids)
        register_recipients(find_recipients)
        kinds.register(*KINDS)
        register_folder(FOLDER, list_proof_files)
        register_loop("warn of expiring keys", warn_of_expiring_keys, pause=300.0)
        register_loop("prune request nonces", prune_nonces, pause=60.0)
        register_daily_job("check the books", "accounts.services.books.order_check")
        register_daily_job("prune proofs of transfers", "accounts.services.proofs.prune_proofs")
