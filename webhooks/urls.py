"""Where platforms send to, within Django; right with and without the closing slash."""

from django.urls import re_path

from webhooks.door import ENDPOINT, PLATFORM
from webhooks.views import take

urlpatterns = [
    re_path(rf"^api/webhooks/{PLATFORM}/?$", take),
    re_path(rf"^api/webhooks/{PLATFORM}/{ENDPOINT}/?$", take),
]
