"""The API's description of itself."""

from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from supportops.api.routers import address

urlpatterns = [
    address("schema", SpectacularAPIView.as_view(), "schema"),
    # The split view serves its script apart, so that a Content-Security-Policy needs no inline scripts.
    address("docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), "docs"),
]
