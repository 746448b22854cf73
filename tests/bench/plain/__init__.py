"""Placing an order as an ordinary DRF project writes it: model serializers, the ORM, a lock per
row. Same tables and same effects; the platform's own statements, parsers and renderers not used.
"""
