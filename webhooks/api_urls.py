"""The API's addresses for deliveries and dead letters, relative to /api/."""

from supportops.api.routers import Router, address
from webhooks.api import DeliveryViewSet
from webhooks.api_dead_letters import DeadLettersView, RetryDeadLettersView
from webhooks.api_events import OwnEventsView
from webhooks.api_reconcile import ReconcileView

router = Router()
router.register("deliveries", DeliveryViewSet, basename="delivery")

urlpatterns = [
    *router.urls,
    address("events", OwnEventsView.as_view(), "own-events"),
    address("integrations/<pk>/reconcile", ReconcileView.as_view(), "integration-reconcile"),
    address("dead-letters", DeadLettersView.as_view(), "dead-letters"),
    address("dead-letters/retry", RetryDeadLettersView.as_view(), "dead-letters-retry"),
]
