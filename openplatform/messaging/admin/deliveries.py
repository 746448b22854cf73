"""Deliveries in the back office: found by type, subject, time and status, and sent again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import display_for_value
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.core.errors import DomainError, type_of_text
from openplatform.messaging.admin.console import SENDING, show_attempts
from openplatform.messaging.admin.filters import (
    FoundByMessage,
    MomentsFilter,
    TypeFilter,
    sequence_of,
    subjects_of,
)
from openplatform.messaging.admin.shown import (
    DELIVERY_COLOURS,
    described,
    endpoint_state,
    link_to,
    page_of,
    wrapped,
)
from openplatform.messaging.documents import next_attempt_of
from openplatform.messaging.models import Message, WebhookDelivery, WebhookEndpoint
from openplatform.messaging.services.resending import resend

MAX_RESENT = 200  # at once
MAX_URL_SHOWN = 60
BACK_TO_CONSOLE = "console"
HELP_TEXTS = {
    "attempts": _(
        "All requests there ever were, those while the endpoint failed and after it was sent again,"
        " too"
    ),
    "tries": _(
        "Of its own schedule, as many as WEBHOOK_WAITS has numbers. While the endpoint fails none"
        " is used up; sent again, it has all of them anew"
    ),
}


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(FoundByMessage, ReadOnlyAdmin):
    """What is on its way to endpoints, or there, or set aside."""

    list_display = (
        "sequence", "receiver", "kind", "subject", "status_badge", "attempts", "created_at",
        "delivered_at", "due_at",
    )  # fmt: skip
    list_filter = (
        ("status", ChoicesDropdownFilter),
        TypeFilter,
        ("endpoint__partner", AutocompleteSelectFilter),
        ("endpoint", AutocompleteSelectFilter),
        ("created_at", MomentsFilter),
    )
    list_select_related = ("endpoint__partner",)
    sortable_by = ()
    partner_path = "endpoint__partner"
    fields = (
        ("receiver_link", "partner"), ("message_link", "sequence"), ("type_name", "full_subject"),
        ("status", "attempts"), ("created_at", "delivered_at"), ("due_at", "tries"),
    )  # fmt: skip
    readonly_fields = (
        "receiver_link", "partner", "message_link", "type_name", "full_subject", "due_at",
    )  # fmt: skip
    actions = ("resend_selected",)
    actions_detail = ("resend",)
    change_form_outer_after_template = "backoffice/webhook_delivery.html"

    def list_meant(self, text: str) -> Iterator[QuerySet[WebhookDelivery]]:
        """By the message's id, by subject or by sequence, with every endpoint.

        The indexes begin with the endpoint, so all of them are named.
        """
        endpoints = list(WebhookEndpoint.objects.values_list("pk", flat=True))
        of_all = WebhookDelivery.objects.filter(endpoint__in=endpoints)
        yield of_all.filter(subject__in=subjects_of(text))
        message = Message.objects.filter(message_id=text).values("partner_id", "sequence").first()
        if message is not None:
            yield WebhookDelivery.objects.filter(
                endpoint__partner_id=message["partner_id"], sequence=message["sequence"]
            )
        sequence = sequence_of(text)
        if sequence is not None:
            yield of_all.filter(sequence=sequence)

    def has_resend_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may change endpoints, while something is sent to this one."""
        if not request.user.has_perm("messaging.change_webhookendpoint"):
            return False
        if object_id is None:
            return True
        delivery = self.get_object(request, str(object_id))
        return delivery is None or (
            delivery.endpoint.deleted_at is None and delivery.endpoint.status in SENDING
        )

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """With what tells the two counts apart."""
        return super().get_form(request, obj, change, **{"help_texts": HELP_TEXTS, **kwargs})

    def state_of_row(self, row: WebhookDelivery) -> str:
        """Its endpoint's."""
        return f"{row.endpoint._meta.verbose_name}: {endpoint_state(row.endpoint)}"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """With every attempt that is kept."""
        delivery: WebhookDelivery = self.get_row(request, object_id)
        context: dict[str, Any] = {}
        if request.user.has_perm("messaging.view_webhookattempt"):
            tried = delivery.tried.order_by("-number").select_related("delivery")
            context["attempts"] = show_attempts(request, delivery.endpoint, tried[:MAX_RESENT])
        response: HttpResponse = super().change_view(
            request, object_id, form_url, {**context, **(extra_context or {})}
        )
        return response

    @action(
        description=_("Send again"),
        permissions=["resend"],
        url_path="resend",
        icon="forward_to_inbox",
        is_primary=True,
    )
    def resend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """One message once more, at once."""
        delivery: WebhookDelivery = self.get_row(request, object_id)
        is_from_console = request.GET.get("from") == BACK_TO_CONSOLE

        def call(values: Values) -> type_of_text:
            _resend(delivery, actor=request.user.get_username())
            return _("The message goes again; reload the page to see what became of it")

        return answer_form_page(
            self,
            request,
            form_class=Form,
            title=_("Send a message again"),
            submit=_("Send again"),
            call=call,
            back_to=page_of(delivery.endpoint if is_from_console else delivery),
            subject=delivery,
            intro=_(
                "It goes at once, under the id that it had, by which receivers know a repeat. If it"
                " is not taken, all its tries are before it again."
            ),
        )

    @action(description=_("Send again"), permissions=["resend"])
    def resend_selected(
        self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]
    ) -> HttpResponse | None:
        """The same for those that are ticked, one by one in the order of the messages."""
        chosen = queryset.select_related("endpoint").order_by("endpoint", "sequence")
        deliveries = list(chosen[: MAX_RESENT + 1])
        if len(deliveries) > MAX_RESENT:
            refusal = _("At most %(count)s at once: replay sends again from a sequence on")
            self.message_user(request, refusal % {"count": MAX_RESENT}, messages.ERROR)
            return None
        sent, refused = 0, Counter[str]()
        for delivery in deliveries:
            try:
                _resend(delivery, actor=request.user.get_username())
            except DomainError as error:
                refused[str(error.detail)] += 1
            else:
                sent += 1
        if sent:
            text = ngettext("%(count)s message goes again", "%(count)s messages go again", sent)
            self.message_user(request, text % {"count": sent}, messages.SUCCESS)
        for reason, count in refused.items():
            text = ngettext(
                "%(count)s message was not sent again: %(reason)s",
                "%(count)s messages were not sent again: %(reason)s",
                count,
            )
            values = {"count": count, "reason": reason}
            self.message_user(request, text % values, messages.WARNING)
        return HttpResponseRedirect(request.get_full_path())

    @display(description=_("webhook endpoint"), is_header=True)
    def receiver(self, delivery: WebhookDelivery) -> tuple[str, str]:
        """The partner over the address."""
        return str(delivery.endpoint.partner), Truncator(delivery.endpoint.url).chars(MAX_URL_SHOWN)

    @display(description=_("webhook endpoint"))
    def receiver_link(self, delivery: WebhookDelivery) -> SafeString:
        """To its console."""
        return link_to(page_of(delivery.endpoint), delivery.endpoint.url)

    @display(description=_("partner"))
    def partner(self, delivery: WebhookDelivery) -> str:
        """Whose message it is."""
        return str(delivery.endpoint.partner)

    @display(description=_("message"))
    def message_link(self, delivery: WebhookDelivery) -> SafeString:
        """To the message, while it is kept."""
        message = Message.objects.filter(message_id=delivery.message_id).first()
        if message is None:
            return wrapped(delivery.message_id)
        return link_to(page_of(message), delivery.message_id)

    @display(description=_("type"))
    def type_name(self, delivery: WebhookDelivery) -> SafeString:
        """All of it."""
        return wrapped(delivery.type)

    @display(description=_("subject"))
    def full_subject(self, delivery: WebhookDelivery) -> SafeString:
        """All of it."""
        return wrapped(delivery.subject)

    @display(description=_("type"), is_header=True)
    def kind(self, delivery: WebhookDelivery) -> tuple[str, str]:
        """What it means over its name."""
        return described(delivery.type)

    @display(description=_("status"), label=DELIVERY_COLOURS)
    def status_badge(self, delivery: WebhookDelivery) -> tuple[str, str]:
        """A badge."""
        return delivery.status, delivery.get_status_display()

    @display(description=_("next attempt at"))
    def due_at(self, delivery: WebhookDelivery) -> str:
        """As far as it is known: not while its endpoint is failing or disabled."""
        return display_for_value(next_attempt_of(delivery, delivery.endpoint), "-")


def _resend(delivery: WebhookDelivery, *, actor: str) -> None:
    resend(
        endpoint_id=delivery.endpoint.endpoint_id,
        partner_id=delivery.endpoint.partner_id,
        message_id=delivery.message_id,
        actor=actor,
    )
