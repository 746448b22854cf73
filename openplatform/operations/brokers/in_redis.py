"""Tasks wait in Redis."""

from __future__ import annotations

from django_q.brokers.redis_broker import Redis

from openplatform.operations.brokers import WatchedBroker


class RedisBroker(WatchedBroker, Redis):
    """django-q2's, watched."""
