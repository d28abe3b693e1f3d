"""Addresses of jobs."""

from supportops.api.routers import Router
from supportops.jobs.api import JobViewSet

router = Router()
router.register("jobs", JobViewSet, basename="job")

urlpatterns = router.urls
