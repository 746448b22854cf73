"""One request to a provider that is asked with a key in ``X-Api-Key`` and answers in JSON."""

from __future__ import annotations

from collections.abc import Mapping

from openplatform.connectors.errors import Outcome, ProviderFault
from openplatform.connectors.providers.base import Access
from openplatform.core.outgoing.client import HttpAnswer, send_request
from openplatform.core.outgoing.faults import AnswerTooLarge, HttpFault, TimedOut

OK, BAD_REQUEST, SERVER_ERROR = 200, 400, 500


def ask(
    access: Access,
    method: str,
    path: str,
    *,
    body_limit: int,
    parameters: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> HttpAnswer:
    """The answer, whatever its status.

    :param body_limit: bytes of the answer's body.
    :raises ProviderFault: when there is none that can be read.
    """
    headers = {"X-Api-Key": access.api_key, "Accept": "application/json"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        return send_request(
            method,
            f"{access.base_url.rstrip('/')}{path}",
            parameters=parameters,
            headers=headers,
            body=body,
            timeout=access.timeout,
            body_limit=body_limit,
        )
    except TimedOut as error:
        raise ProviderFault(Outcome.TIMED_OUT, str(error)) from error
    except AnswerTooLarge as error:
        raise ProviderFault(Outcome.UNREADABLE, str(error)) from error
    except HttpFault as error:
        raise ProviderFault(Outcome.UNREACHABLE, str(error)) from error


def require_ok(answer: HttpAnswer) -> None:
    """
    :raises ProviderFault: for another status: below 500 it was refused, from there on it failed.
    """
    status = answer.status
    if status != OK:
        is_refusal = BAD_REQUEST <= status < SERVER_ERROR
        outcome = Outcome.REFUSED if is_refusal else Outcome.FAILED
        raise ProviderFault(outcome, f"HTTP {status}", status_code=status)
