"""The address library, for choosing an address and for keeping a copy."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.cache import get_conditional_response
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from openplatform.core.api.fields import read_body
from openplatform.core.api.filters import require_known_parameters
from openplatform.core.api.permissions import ANY_KEY
from openplatform.core.api.views import PartnerAPIView
from openplatform.regions import selectors
from openplatform.regions.api.renderers import GzipRenderer
from openplatform.regions.api.serializers import (
    RegionDetailSerializer,
    RegionListSerializer,
    ResolveRegionRequest,
    ResolveRegionSerializer,
    region_row,
)

RESOLVE = ResolveRegionRequest()

# Caches ask again each time, so that a revoked key or a new release counts at once.
CACHE_CONTROL = "private, no-cache"
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="ETag of the copy at hand"
)
NOT_MODIFIED = OpenApiResponse(description="The copy named by If-None-Match is still good")


class ListRegionsView(PartnerAPIView):
    """All places directly below one place."""

    operation = "list_regions"
    required_scope = ANY_KEY

    @extend_schema(
        summary="Provinces, or the places below one place",
        description="All children at once, by code. Retired places are left out; below a retired "
        "parent lies what lies below its successor.",
        parameters=[
            OpenApiParameter("parent", str, description="Code; left out: the provinces"),
            IF_NONE_MATCH,
        ],
        responses={200: RegionListSerializer, 304: NOT_MODIFIED},
    )
    def get(self, request: Request) -> HttpResponse:
        require_known_parameters(request, "parent")
        children = selectors.list_children(parent=request.query_params.get("parent"))
        version = selectors.get_library_version()
        unchanged = _not_modified(request, version)
        if unchanged is not None:
            return unchanged
        body = {"version": version, "results": [region_row(region) for region in children]}
        return Response(body, headers=_caching(version))


class GetRegionView(PartnerAPIView):
    """One place, retired ones too."""

    operation = "get_region"
    required_scope = ANY_KEY

    @extend_schema(
        summary="One place by its code",
        description="A retired code still answers, with its successor where one is known.",
        responses=RegionDetailSerializer,
    )
    def get(self, request: Request, code: str) -> Response:
        require_known_parameters(request)
        region = selectors.get_region(code=code)
        return Response(
            {
                "version": selectors.get_library_version(),
                **region_row(region),
                "retired": region.is_retired,
                "successor": region.successor_in_use,
            }
        )


class GetRegionsFileView(PartnerAPIView):
    """The whole library in one download."""

    operation = "get_regions_file"
    required_scope = ANY_KEY
    renderer_classes = (GzipRenderer,)

    @extend_schema(
        summary="The whole library as csv.gz",
        description="CSV in UTF-8 with the columns code, parent, level, name and source, packed "
        "with gzip. The ETag is the library's version.",
        parameters=[IF_NONE_MATCH],
        responses={(200, "application/gzip"): OpenApiTypes.BINARY, 304: NOT_MODIFIED},
    )
    def get(self, request: Request) -> HttpResponse:
        require_known_parameters(request)
        # The version alone first: the file is large, and most callers have it.
        unchanged = _not_modified(request, selectors.get_library_version())
        if unchanged is not None:
            return unchanged
        library = selectors.get_library()
        name = f"regions-{library.version}.csv.gz"
        return Response(
            bytes(library.file),
            headers={
                **_caching(library.version),
                "Content-Disposition": f'attachment; filename="{name}"',
            },
        )


class ResolveRegionView(PartnerAPIView):
    """The places that an address may mean."""

    operation = "resolve_region"
    required_scope = ANY_KEY

    @extend_schema(
        summary="Find the code for the free text of an address",
        description="Chinese text as people write it: full or short names, levels left out, names "
        "and numbers around. Candidates come best first, at most 10, each the deepest place that "
        "the text supports; the names of retired places find their successors. `confidence` runs "
        "from 0 to 1; from 0.80 the first candidate may be taken unseen, below that let somebody "
        "choose. A text that names no place answers with an empty list.",
        request=ResolveRegionRequest,
        responses=ResolveRegionSerializer,
    )
    def post(self, request: Request) -> Response:
        """Ranked candidates."""
        require_known_parameters(request)
        body = read_body(RESOLVE, request.data)
        return Response(selectors.resolve_region(text=body["text"]))


def _caching(version: str) -> dict[str, str]:
    return {"ETag": f'"{version}"', "Cache-Control": CACHE_CONTROL}


def _not_modified(request: Request, version: str) -> HttpResponse | None:
    """The 304, when ``If-None-Match`` names the version that is loaded."""
    headers = _caching(version)
    response: HttpResponse | None = get_conditional_response(request._request, etag=headers["ETag"])
    if response is not None:
        for name, value in headers.items():
            response[name] = value
    return response
