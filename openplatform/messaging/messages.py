"""What partners are told of their webhook endpoints."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from openplatform.messaging.types import MessageType

ENDPOINT_FAILING = "webhook_endpoint.failing"
ENDPOINT_DISABLED = "webhook_endpoint.disabled"
TEST_PING = "test.ping"
FORM = "openplatform.messaging.api.events.EndpointNewsSerializer"
MESSAGE_TYPES = (
    MessageType(
        ENDPOINT_FAILING,
        _("A webhook endpoint takes no messages at present"),
        details=_(
            "Told once five attempts in a row have failed. Its messages wait in order, and one"
            " attempt at a time is made to see whether it answers again. Other endpoints and the"
            " feed are not touched by it."
        ),
        serializer=FORM,
    ),
    MessageType(
        ENDPOINT_DISABLED,
        _("A webhook endpoint was disabled"),
        details=_(
            "Somebody disabled it, or the platform gave up: after days of failure, or at once when"
            " the receiver answered 410. Messages wait until it is enabled; those that are no"
            " longer kept by then do not come."
        ),
        serializer=FORM,
    ),
    MessageType(
        TEST_PING,
        _("You asked for a test message"),
        details=_(
            "Sent to the endpoint that it was asked for, whatever types that endpoint takes, and to"
            " no other one. The feed has it, too."
        ),
        serializer=FORM,
    ),
)
