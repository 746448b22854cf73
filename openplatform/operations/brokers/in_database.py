"""Tasks wait in the database."""

from __future__ import annotations

from django_q.brokers.orm import ORM

from openplatform.operations.brokers import WatchedBroker


class DatabaseBroker(WatchedBroker, ORM):
    """django-q2's, watched."""
