from django.urls import path

from aftersales.api.views import acts, claims, options, pictures
from openplatform.core.api import converters  # noqa: F401 - registers the converters used below
from openplatform.core.api.views import routes

app_name = "aftersales"
urlpatterns = [
    path(
        "orders/<number:order_no>/aftersale-options",
        options.GetAftersaleOptionsView.as_view(),
        name="get-aftersale-options",
    ),
    path(
        "aftersales/pictures",
        pictures.SendClaimPictureView.as_view(),
        name="send-claim-picture",
    ),
    *routes("aftersales", get=claims.ListClaimsView, post=claims.FileClaimView),
    path(
        "aftersales/<number:aftersale_no>",
        claims.GetClaimView.as_view(),
        name="get-claim",
    ),
    path(
        "aftersales/<number:aftersale_no>/return-shipment",
        acts.ReportReturnView.as_view(),
        name="report-return",
    ),
    path(
        "aftersales/<number:aftersale_no>/notes",
        acts.AddClaimNoteView.as_view(),
        name="add-claim-note",
    ),
    path(
        "aftersales/<number:aftersale_no>/cancel",
        acts.CancelClaimView.as_view(),
        name="cancel-claim",
    ),
]
