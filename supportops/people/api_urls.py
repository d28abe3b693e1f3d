"""Addresses of people, tokens and the organization itself."""

from supportops.api.routers import address
from supportops.people import api

urlpatterns = [address("organization", api.OrganizationView.as_view(), "organization")]
