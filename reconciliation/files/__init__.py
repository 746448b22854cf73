"""Statements, reports and archives as files."""
