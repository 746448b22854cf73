"""What is done with a webhook endpoint: a page each, with one form that calls one service."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from openplatform.core.admin.decorators import action
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.core.errors import type_of_text
from openplatform.messaging.admin.shown import endpoint_state, page_of
from openplatform.messaging.forms import (
    EndpointForm,
    EndpointTermsForm,
    ReplayForm,
    terms_of,
)
from openplatform.messaging.models import WebhookEndpoint
from openplatform.messaging.selectors import get_range
from openplatform.messaging.services.endpoints import (
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    rotate_secret,
)
from openplatform.messaging.services.resending import replay, send_test

CHANGE = "messaging.change_webhookendpoint"
SHOWN_BEFORE = _(
    "The secret was shown once and is not shown again. Nothing new was made; if it was not copied,"
    " “Replace the secret” makes another one."
)
Status = WebhookEndpoint.Status


class EndpointActs(ReadOnlyAdmin):
    """The acts, and who may do them; ``WebhookEndpointAdmin`` says where their buttons stand."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """By permission: the add page calls the service."""
        return bool(request.user.has_perm("messaging.add_webhookendpoint"))

    def has_edit_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may change endpoints, while this one is not deleted."""
        return self._may(request, CHANGE, object_id)

    def has_send_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """The same, while something is sent there."""
        return self._may(request, CHANGE, object_id, (Status.ENABLED, Status.FAILING))

    def has_enable_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """The same, while nothing is sent there, or hardly anything."""
        return self._may(request, CHANGE, object_id, (Status.DISABLED, Status.FAILING))

    def has_remove_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may delete endpoints, once."""
        return self._may(request, "messaging.delete_webhookendpoint", object_id)

    def state_of_row(self, row: WebhookEndpoint) -> str:
        """With the reason."""
        return endpoint_state(row)

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Add an endpoint and show its secret, this once."""
        if not self.has_add_permission(request):
            raise PermissionDenied

        def call(values: Values) -> HttpResponse:
            terms = {name: value for name, value in values.items() if name != "partner"}
            endpoint, secret = create_endpoint(
                partner_id=values["partner"].pk,
                actor=request.user.get_username(),
                is_staff=True,
                **terms,
            )
            return self._show_once(request, endpoint, secret, _("The new webhook endpoint"))

        return answer_form_page(
            self,
            request,
            form_class=EndpointForm,
            title=_("Add webhook endpoint"),
            submit=_("Add"),
            call=call,
            back_to=reverse("admin:messaging_webhookendpoint_changelist"),
            initial={"partner": request.GET.get("partner")},
            intro=_(
                "It is sent what comes from now on. Its secret is shown once, on the next page."
            ),
            told_when_repeated=SHOWN_BEFORE,
        )

    @action(description=_("Change"), permissions=["edit"], url_path="edit", icon="edit")
    def edit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Another address, other types, headers."""
        endpoint: WebhookEndpoint = self.get_row(request, object_id)

        def call(values: Values) -> type_of_text:
            change_endpoint(**_named(request, endpoint), **values, is_staff=True)
            return _("The webhook endpoint was changed")

        return answer_form_page(
            self,
            request,
            form_class=_keeping(endpoint),
            title=_("Change the webhook endpoint"),
            submit=_("Save"),
            call=call,
            back_to=page_of(endpoint),
            initial=terms_of(endpoint),
            subject=endpoint,
            intro=_("In force from the next message on. What was set aside stays so."),
        )

    @action(
        description=_("Replace the secret"),
        permissions=["edit"],
        url_path="rotate",
        icon="autorenew",
    )
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A new secret, shown this once; both sign for a day."""
        endpoint: WebhookEndpoint = self.get_row(request, object_id)

        def call(values: Values) -> HttpResponse:
            changed, secret = rotate_secret(**_named(request, endpoint))
            return self._show_once(request, changed, secret, _("The new secret"))

        return answer_form_page(
            self,
            request,
            form_class=Form,
            title=_("Replace the secret"),
            submit=_("Make the new secret"),
            call=call,
            back_to=page_of(endpoint),
            subject=endpoint,
            intro=_(
                "The new secret is shown once, on the next page. The one of now signs beside it for"
                " 24 hours, so that the receiver can change over without a pause. One that was"
                " replaced before that no longer signs."
            ),
            told_when_repeated=SHOWN_BEFORE,
        )

    @action(
        description=_("Send a test"),
        permissions=["send"],
        url_path="test",
        icon="network_ping",
        is_primary=True,
    )
    def test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A test.ping, at once."""
        endpoint: WebhookEndpoint = self.get_row(request, object_id)

        def call(values: Values) -> type_of_text:
            send_test(**_named(request, endpoint))
            return _("The test is on its way; reload the page to see what became of it")

        return answer_form_page(
            self,
            request,
            form_class=Form,
            title=_("Send a test"),
            submit=_("Send"),
            call=call,
            back_to=page_of(endpoint),
            subject=endpoint,
            intro=_(
                "A message of type test.ping goes there at once, whatever types the endpoint wants,"
                " also while it fails. It stands in the merchant's feed, too."
            ),
        )

    @action(
        description=_("Send again from…"),
        permissions=["edit"],
        url_path="replay",
        icon="history",
    )
    def replay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Everything after a sequence once more."""
        endpoint: WebhookEndpoint = self.get_row(request, object_id)
        oldest, head = get_range(partner_id=endpoint.partner_id)

        def call(values: Values) -> type_of_text:
            count = replay(**_named(request, endpoint), **values)
            return ngettext(
                "%(count)s message goes again", "%(count)s messages go again", count
            ) % {"count": f"{count:,}"}

        return answer_form_page(
            self,
            request,
            form_class=ReplayForm,
            title=_("Send again from a sequence on"),
            submit=_("Send again"),
            call=call,
            back_to=page_of(endpoint),
            subject=endpoint,
            intro=_(
                "The messages after it that the endpoint wants go again in their order, under the"
                " ids that they had. While the endpoint fails or is disabled, they wait."
            ),
            extra_context={
                "facts": [
                    (_("oldest that is kept"), f"{oldest:,}" if oldest <= head else "-"),
                    (_("last sequence"), f"{head:,}"),
                    (_("taken up to"), f"{endpoint.taken_sequence:,}"),
                ]
            },
        )

    @action(
        description=_("Disable"), permissions=["send"], url_path="disable", icon="block",
        is_danger=True,
    )  # fmt: skip
    def disable(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send nothing there until somebody enables it again."""
        return self._set_status(
            request,
            object_id,
            status=Status.DISABLED,
            title=_("Disable the webhook endpoint"),
            submit=_("Disable"),
            done=_("The webhook endpoint is disabled; its messages wait"),
            intro=_(
                "Nothing is sent there; its messages wait up to 30 days. Only an operator can"
                " enable it again, or add another one at this address. The merchant finds a message"
                " about it in its feed."
            ),
        )

    @action(
        description=_("Enable"), permissions=["enable"], url_path="enable", icon="play_circle",
        is_primary=True,
    )  # fmt: skip
    def enable(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send there again, what waits first."""
        return self._set_status(
            request,
            object_id,
            status=Status.ENABLED,
            title=_("Enable the webhook endpoint"),
            submit=_("Enable"),
            done=_("The webhook endpoint is enabled; what waits goes now"),
            intro=_("What waits for it is sent in its order, from now on."),
        )

    @action(
        description=_("Delete"), permissions=["remove"], url_path="remove", icon="delete",
        is_danger=True,
    )  # fmt: skip
    def remove(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take it away; its attempts stay to be looked at."""
        endpoint: WebhookEndpoint = self.get_row(request, object_id)

        def call(values: Values) -> type_of_text:
            delete_endpoint(**_named(request, endpoint), is_staff=True)
            return _("The webhook endpoint is deleted")

        return answer_form_page(
            self,
            request,
            form_class=Form,
            title=_("Delete the webhook endpoint"),
            submit=_("Delete for good"),
            call=call,
            back_to=reverse("admin:messaging_webhookendpoint_changelist"),
            subject=endpoint,
            intro=_(
                "Nothing is sent there any more, and its secret and headers are gone. What was sent"
                " can be looked at for 30 days. The merchant's feed has all messages as before."
                " Only an operator can add another one at this address."
            ),
            is_danger=True,
        )

    def _set_status(
        self,
        request: HttpRequest,
        object_id: str,
        *,
        status: str,
        title: type_of_text,
        submit: type_of_text,
        done: type_of_text,
        intro: type_of_text,
    ) -> HttpResponse:
        endpoint: WebhookEndpoint = self.get_row(request, object_id)

        def call(values: Values) -> type_of_text:
            change_endpoint(**_named(request, endpoint), status=status, is_staff=True)
            return done

        return answer_form_page(
            self,
            request,
            form_class=Form,
            title=title,
            submit=submit,
            call=call,
            back_to=page_of(endpoint),
            subject=endpoint,
            intro=intro,
            is_danger=status == Status.DISABLED,
        )

    def _may(
        self,
        request: HttpRequest,
        permission: str,
        object_id: Any,
        states: tuple[str, ...] = tuple(Status),
    ) -> bool:
        if not request.user.has_perm(permission):
            return False
        endpoint = self.get_object(request, str(object_id)) if object_id is not None else None
        return endpoint is None or (endpoint.deleted_at is None and endpoint.status in states)

    def _show_once(
        self,
        request: HttpRequest,
        endpoint: WebhookEndpoint,
        secret: str,
        title: type_of_text,
    ) -> HttpResponse:
        response = TemplateResponse(
            request,
            "backoffice/new_webhook_secret.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.model._meta,
                "title": title,
                "endpoint": endpoint,
                "secret": secret,
                "back_to": page_of(endpoint),
            },
        )
        add_never_cache_headers(response)
        return response


def _named(request: HttpRequest, endpoint: WebhookEndpoint) -> dict[str, Any]:
    """What every service wants to know."""
    return {
        "endpoint_id": endpoint.endpoint_id,
        "partner_id": endpoint.partner_id,
        "actor": request.user.get_username(),
    }


def _keeping(endpoint: WebhookEndpoint) -> Any:
    """The form, with the types that the endpoint has among those to choose from."""

    def make(*args: Any, **kwargs: Any) -> EndpointTermsForm:
        return EndpointTermsForm(*args, kept_types=endpoint.types, **kwargs)

    return make
