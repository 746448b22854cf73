"""Endpoints that take a file, and one that does not."""

from __future__ import annotations

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from openplatform.core.api.fields import RequestSerializer, TextField, UploadField, read_body
from openplatform.core.api.parsers import UploadParser
from openplatform.core.api.views import PartnerAPIView, routes
from openplatform.idempotency.api.headers import read_replay_key


class TakeFileRequest(RequestSerializer):
    """A file with a note."""

    file = UploadField()
    note = TextField(required=False, max_length=100)


TAKE_FILE = TakeFileRequest()


class SmallUploadParser(UploadParser):
    """As a view with a lower limit declares it."""

    upload_limit = 1000


class TakeFileView(PartnerAPIView):
    """Answers what came."""

    operation = "take_file"
    required_scope = None
    parser_classes = [UploadParser]

    def post(self, request: Request) -> Response:
        """The file in words."""
        body = read_body(TAKE_FILE, request.data)
        replay = read_replay_key(request, request.data)
        return Response(
            {
                "filename": body["file"].filename,
                "size": len(body["file"].content),
                "sha256": body["file"].sha256,
                "note": body.get("note"),
                "fingerprint": replay.fingerprint.hex() if replay else None,
            }
        )


class TakeSmallFileView(TakeFileView):
    """With a lower limit."""

    operation = "take_small_file"
    parser_classes = [SmallUploadParser]


class EchoView(PartnerAPIView):
    """Answers with the JSON that it was sent."""

    operation = "echo"
    required_scope = None

    def get(self, request: Request) -> Response:
        """Nothing is read."""
        return Response({})

    def put(self, request: Request) -> Response:
        """The parsed body again."""
        return Response({"body": request.data})


urlpatterns = [
    path("api/v1/files", TakeFileView.as_view(), name="take-file"),
    path("api/v1/small-files", TakeSmallFileView.as_view(), name="take-small-file"),
    *routes("api/v1/both", get=EchoView, put=EchoView, post=TakeFileView),
]
