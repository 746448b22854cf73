"""The endpoint."""

from __future__ import annotations

from rest_framework.generics import CreateAPIView

from orders.models import Order
from tests.bench.plain.serializers import OrderSerializer


class OrderCreateView(CreateAPIView[Order]):
    """``POST /plain/orders``"""

    queryset = Order.objects.all()
    serializer_class = OrderSerializer
