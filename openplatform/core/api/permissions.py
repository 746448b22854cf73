"""Who may call: a view names its scope, and this is where it is enforced."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from openplatform.core.api.caller import Caller
from openplatform.core.errors import KeyMissing, ScopeMissing

if TYPE_CHECKING:  # DRF loads this module while it makes APIView
    from rest_framework.views import APIView

    from openplatform.core.api.views import PartnerAPIView

ANY_KEY = None  # a view that any valid key opens says so with `required_scope = ANY_KEY`


class HasScope(BasePermission):
    """:raises KeyMissing: without a key; :raises ScopeMissing: when the key lacks the scope."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        caller = request.auth
        if not isinstance(caller, Caller):
            raise KeyMissing
        scope = cast("PartnerAPIView", view).required_scope  # a contract test sees to it
        if scope is not ANY_KEY and scope not in caller.scopes:
            raise ScopeMissing(required_scope=str(scope))
        return True
