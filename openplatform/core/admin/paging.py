"""Pages of lists that may have millions of rows."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property

# Nobody turns two hundred pages; to count more makes the list wait.
MAX_COUNTED = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # not subscriptable at run time
    """Counts so many rows and shows so many; ``is_cut`` says that there are more.

    A list of it sets ``show_full_result_count = False``, or all are counted beside it.
    """

    template_name = "backoffice/bounded_pagination.html"
    maximum = MAX_COUNTED

    @cached_property
    def count(self) -> int:
        """Rows, up to the maximum."""
        return min(self._counted, self.maximum)

    @cached_property
    def is_cut(self) -> bool:
        """Whether there are more rows than are shown."""
        return self._counted > self.maximum

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: self.maximum + 1].count())
