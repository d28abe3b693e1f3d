"""The API's addresses of this app, relative to /api/."""

from supportops.api.routers import address
from supportops.status.api import HealthView, StatsView

urlpatterns = [
    address("health", HealthView.as_view(), "organization-health"),
    address("stats", StatsView.as_view(), "organization-stats"),
]
