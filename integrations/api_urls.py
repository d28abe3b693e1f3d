"""The API's addresses for integrations and the catalogue, relative to /api/."""

from integrations.api import IntegrationViewSet, PlatformsView, PlatformView, UnsavedTestView
from integrations.api_files import FileViewSet
from integrations.api_notifications import NotificationViewSet
from integrations.api_oauth import CallbackView
from integrations.api_scripts import ScriptViewSet
from integrations.api_types import IntegrationTypeViewSet
from supportops.api.routers import Router, address

router = Router()
router.register("integrations", IntegrationViewSet, basename="integration")
router.register("integration-types", IntegrationTypeViewSet, basename="integration-type")
router.register("notifications", NotificationViewSet, basename="notification")
router.register("files", FileViewSet, basename="file")
router.register("scripts", ScriptViewSet, basename="script")

urlpatterns = [
    address("platforms", PlatformsView.as_view(), "platforms"),
    address("platforms/<key>", PlatformView.as_view(), "platform"),
    address("integrations/test", UnsavedTestView.as_view(), "integration-test-unsaved"),
    address("oauth/callback", CallbackView.as_view(), "oauth-callback"),
    *router.urls,
]
