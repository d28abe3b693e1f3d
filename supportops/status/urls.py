"""Addresses for load balancers and monitoring; the middleware answers them before the URL configuration is asked."""

from django.urls import re_path

from supportops.status.probes import VIEWS

urlpatterns = [re_path(rf"^{name}/?$", view, name=name) for name, view in VIEWS.items()]
