from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AftersalesConfig(AppConfig):
    name = "aftersales"
    verbose_name = _("After-sales")

    def ready(self) -> None:
        from accounts import books
        from aftersales.approval_kinds import KINDS
        from aftersales.books import REFUNDS, read_refunds
        from aftersales.messages import MESSAGE_TYPES
        from aftersales.selectors.tracking import find_claim_parcels
        from aftersales.services.deadlines import end_claims_past_deadline, remind_of_claims
        from aftersales.services.parcel_following import (
            awaits_claim_parcel,
            follow_claim_parcels,
        )
        from aftersales.services.pictures import (
            FOLDER,
            forget_unused_pictures,
            list_picture_files,
        )
        from openplatform.approvals import kinds
        from openplatform.connectors.interest import register_interest
        from openplatform.core.background import register_daily_job, register_loop
        from openplatform.core.uploads.storage import register_folder
        from openplatform.messaging import types
        from orders import timeline
        from orders.selectors.tracking import register_finder
        from orders.services.parcel_following import register_follower

        types.register(*MESSAGE_TYPES)
        books.register_documents(REFUNDS)
        timeline.register_refunds("aftersale", read_refunds)
        kinds.register(*KINDS)
        register_folder(FOLDER, list_picture_files)
        register_loop("forget unused pictures of claims", forget_unused_pictures, pause=300.0)
        register_finder(find_claim_parcels)
        register_follower(follow_claim_parcels)
        register_interest(awaits_claim_parcel)
        register_daily_job(
            "watch parcels of claims", "aftersales.services.parcel_following.watch_claim_parcels"
        )
        register_loop("end claims past their deadline", end_claims_past_deadline, pause=5.0)
        register_loop("remind of claims", remind_of_claims, pause=60.0)
