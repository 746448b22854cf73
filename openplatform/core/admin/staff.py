"""Who acts in the back office."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest


def get_staff(request: HttpRequest) -> User:
    """The member of staff who is logged in.

    :raises PermissionDenied: when nobody is.
    """
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
