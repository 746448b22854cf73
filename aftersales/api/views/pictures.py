"""Pictures, sent ahead of the claim or note that names them."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from aftersales.api.picture_serializers import KeptPictureSerializer, SendPictureRequest
from aftersales.services.pictures import UPLOAD_LIMIT, keep_picture
from openplatform.core import clock
from openplatform.core.api.caller import caller_of
from openplatform.core.api.fields import read_body
from openplatform.core.api.parsers import UploadParser
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.scopes import Scope
from openplatform.idempotency.api.headers import IDEMPOTENCY_KEY, answer_response, read_replay_key

SEND_PICTURE = SendPictureRequest()


class ClaimPictureParser(UploadParser):
    """A form with a file of up to 5 MB."""

    upload_limit = UPLOAD_LIMIT


class SendClaimPictureView(PartnerAPIView):
    """A picture of what is wrong."""

    operation = "send_claim_picture"
    required_scope = Scope.AFTERSALES_WRITE
    parser_classes = [ClaimPictureParser]

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request={"multipart/form-data": SendPictureRequest},
        responses={201: KeptPictureSerializer},
    )
    def post(self, request: Request) -> HttpResponse:
        """A JPEG, PNG or WebP, to be named by a claim or a note within a day."""
        body = read_body(SEND_PICTURE, request.data)
        return answer_response(
            keep_picture(
                partner_id=caller_of(request).partner_id,
                file=body["file"],
                now=clock.now(),
                replay=read_replay_key(request, request.data),
            )
        )
