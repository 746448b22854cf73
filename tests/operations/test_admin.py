"""The workers in the back office."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from openplatform.core import clock
from openplatform.operations.models import Heartbeat
from openplatform.operations.services.beating import note_beat

pytestmark = pytest.mark.django_db


def test_list_tells_living_parts_from_silent_ones(client: Client) -> None:
    client.force_login(User.objects.create_superuser("boss"))
    for worker, ago in (("shop-1:17", 5.0), ("shop-2:18", 90.0)):
        note_beat(
            worker=worker, part="loops", process_id=7, restarts=2, started_ago=600, beat_ago=ago
        )

    page = client.get(
        reverse("admin:operations_heartbeat_changelist"), headers={"Accept-Language": "en"}
    ).content.decode()

    rows = [row for row in page.split("<tr") if "shop-" in row]
    assert len(rows) == 2
    assert ["late" in row for row in rows] == ["shop-2:18" in row for row in rows]
    assert ["alive" in row for row in rows] == ["shop-1:17" in row for row in rows]
    assert "2 parts of workers" in page
    for heartbeat in Heartbeat.objects.all():
        for moment in (heartbeat.started_at, heartbeat.beat_at):
            assert f"{moment.astimezone(clock.PLATFORM_ZONE):%Y-%m-%d %H:%M:%S}" in page
    own = client.get(reverse("admin:operations_heartbeat_change", args=(heartbeat.pk,)))
    assert own.status_code == 200
    assert client.get(reverse("admin:operations_heartbeat_add")).status_code == 403
