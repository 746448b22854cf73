"""Refusals about providers, and what can go wrong with a call."""

from __future__ import annotations

from openplatform.connectors.models import ProviderCall

Outcome = ProviderCall.Outcome


class ProviderFault(Exception):
    """A call that gave no answer to work with.

    :param text: for staff; holds neither secrets nor the provider's words at length.
    """

    def __init__(self, outcome: Outcome, text: str, *, status_code: int | None = None) -> None:
        super().__init__(text)
        self.outcome = outcome
        self.text = text
        self.status_code = status_code
