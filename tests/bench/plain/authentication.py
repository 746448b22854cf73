"""Who calls, and whether they may."""

from __future__ import annotations

import hashlib
from typing import Any

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.models import ApiKey, Partner


class KeyAuthentication(BaseAuthentication):
    """The key's row, asked for with every request."""

    def authenticate(self, request: Request) -> tuple[Partner, ApiKey]:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        digest = hashlib.sha256(text.encode()).digest()
        key = ApiKey.objects.select_related("partner").filter(digest=digest).first()
        if scheme != "Bearer" or key is None or key.revoked_at is not None:
            raise AuthenticationFailed
        if key.expires_at is not None and key.expires_at <= timezone.now():
            raise AuthenticationFailed
        return key.partner, key


class MayWriteOrders(BasePermission):
    """The scope of the platform's own endpoint."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return isinstance(request.auth, ApiKey) and "orders:write" in request.auth.scopes
