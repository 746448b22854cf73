"""Goods of claims on pages of the back office, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from io import BytesIO
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from accounts.models import Wallet
from aftersales.models import ClaimLine
from tests.aftersales.acts import claim_of
from tests.cast import Merchant

INSPECTOR = ("aftersales.view_claim", "aftersales.view_claimparcel", "aftersales.inspect_claim")
ACTS = ("enter_waybill", "receive", "inspect", "send_back")


def url_of(act: str, aftersale_no: str) -> str:
    return reverse(f"admin:aftersales_claim_{act}", args=(claim_of(aftersale_no).pk,))


def page_of(aftersale_no: str) -> str:
    return reverse("admin:aftersales_claim_change", args=(claim_of(aftersale_no).pk,))


def found(line_no: int = 1, numbers: str = "2 2 2", result: str = "as_expected") -> dict[str, Any]:
    """What was received, accepted and restocked of a line."""
    received, accepted, restocked = numbers.split()
    return {
        f"received_{line_no}": received, f"accepted_{line_no}": accepted,
        f"restocked_{line_no}": restocked, f"result_{line_no}": result,
    }  # fmt: skip


def inspection(*lines: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """The form of an inspection."""
    form: dict[str, Any] = {"freight_amount": "", "note": "", **fields}
    for line in lines or [found()]:
        form.update(line)
    return form


def photo(name: str = "damage.png", colour: str = "red") -> SimpleUploadedFile:
    out = BytesIO()
    Image.new("RGB", (400, 300), colour).save(out, "PNG")
    return SimpleUploadedFile(name, out.getvalue())


def told(page: Any) -> list[str]:
    return [str(message) for message in page.context["messages"]]


def line_of(aftersale_no: str) -> tuple[Any, ...]:
    """Received, accepted, restocked, result, refund."""
    line = ClaimLine.objects.get(claim__aftersale_no=aftersale_no)
    return (
        line.received_quantity, line.accepted_quantity, line.restocked_quantity, line.inspection,
        str(line.refund_amount),
    )  # fmt: skip


def balance(merchant: Merchant) -> Decimal:
    return Wallet.objects.get(pk=merchant.partner.pk).balance


def offered(client: Client, aftersale_no: str) -> list[str]:
    """The acts on goods that the page of a claim offers."""
    page = client.get(page_of(aftersale_no)).content.decode()
    return [act for act in ACTS if url_of(act, aftersale_no) in page]
