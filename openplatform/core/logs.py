"""Logs as JSON lines on standard error, without secrets or personal data."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import orjson
import structlog

API_KEY = re.compile(r"op_[A-Za-z0-9]{8,}")
PERSONAL = frozenset(
    {"name", "phone", "address", "consignee", "email", "password", "secret", "authorization"}
)
# What the database says of a row that it refuses: all of it, whoever is named in it.
DETAIL = re.compile(r"(DETAIL:\s+).*")
MASK = "***"
NUMBERS = (int, float)  # looked at before the slower kinds, and not put together each time


def merge_context(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """The event with the request that it belongs to.

    The caller's address is logged as ``client``: what is called ``address`` in an event is where
    somebody lives, and is masked.
    """
    context = structlog.contextvars.get_contextvars()
    if "address" in context:
        context["client"] = context.pop("address")
    return {**context, **event}


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask API keys and the database's rows anywhere in the event, and personal fields in it."""
    return {key: _redacted(key, value) for key, value in event.items()}


def _redacted(key: str, value: Any) -> Any:
    if key.lower() in PERSONAL:
        return MASK
    if isinstance(value, str):
        return _masked(value)
    if value is None or isinstance(value, NUMBERS):
        return value
    if isinstance(value, Mapping):
        return {name: _redacted(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted("", inner) for inner in value]
    return _masked(str(value))  # an exception, say: written as its text


def _masked(text: str) -> str:
    if "op_" in text:
        text = API_KEY.sub(f"op_{MASK}", text)
    return DETAIL.sub(rf"\1{MASK}", text) if "DETAIL" in text else text


def _to_json(event: Any, **_options: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def configure(level: str) -> None:
    """Send both structlog's and the standard library's events through one chain of processors."""
    shared: list[Any] = [
        merge_context,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=_to_json)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared[:-1]],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact,
                structlog.processors.JSONRenderer(serializer=_to_json),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # Its lines repeat ours without the request id, and quote paths that may hold a key.
    logging.getLogger("django.request").setLevel(logging.CRITICAL)
    # It warns of every statement that an error before it in the pipeline took along.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    logging.getLogger("django_q").setLevel(max(logging.WARNING, logging.getLevelName(level)))
