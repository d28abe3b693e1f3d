"""Addresses of people, tokens and the organization itself."""

from supportops.api.routers import Router, address
from supportops.people import api, api_members

router = Router()
router.register("tokens", api.TokenViewSet, basename="token")
router.register("members", api_members.MemberViewSet, basename="member")
router.register("environments", api.EnvironmentViewSet, basename="environment")

urlpatterns = [address("organization", api.OrganizationView.as_view(), "organization"), *router.urls]
