"""Model fields that several apps share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

from openplatform.core.money import MAX_DIGITS

if TYPE_CHECKING:
    # The plug-in of django-stubs reads null=True only off the fields that it knows.
    AmountField = models.DecimalField
else:

    class AmountField(models.DecimalField):
        """An amount in the platform's currency, to the cent."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.setdefault("max_digits", MAX_DIGITS)
            kwargs.setdefault("decimal_places", 2)
            super().__init__(*args, **kwargs)
