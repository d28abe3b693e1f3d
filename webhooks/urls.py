"""Where platforms send to; right with and without the closing slash."""

from django.urls import re_path

from webhooks.views import take

urlpatterns = [
    re_path(r"^api/webhooks/(?P<platform>[a-z0-9_-]{1,63})/?$", take),
    re_path(r"^api/webhooks/(?P<platform>[a-z0-9_-]{1,63})/(?P<endpoint>[A-Za-z0-9_-]{16,64})/?$", take),
]
