"""Everything that people read is there in Chinese."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from django.utils import translation

from orders.states import SuborderStatus

TOOL = Path(__file__).resolve().parents[2] / "tools" / "messages.py"


@pytest.fixture(scope="module")
def messages() -> ModuleType:
    """The tool that `python tools/messages.py` runs."""
    specification = importlib.util.spec_from_file_location("messages_tool", TOOL)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_every_text_is_translated_when_the_catalogue_is_checked(messages: ModuleType):
    assert messages.list_faults() == []


def test_placeholders_are_the_same_when_a_text_is_translated(messages: ModuleType):
    wrong = [
        message.id
        for message in messages.read_catalogue()
        if isinstance(message.id, str)
        and message.id
        and sorted(messages.PLACEHOLDER.findall(message.id))
        != sorted(messages.PLACEHOLDER.findall(message.string))
    ]

    assert wrong == []


def test_a_state_is_named_in_chinese_when_the_reader_is():
    with translation.override("zh-hans"):
        assert str(SuborderStatus.AWAITING_SHIPMENT.label) == "待发货"
    with translation.override("en"):
        assert str(SuborderStatus.AWAITING_SHIPMENT.label) == "Awaiting shipment"
