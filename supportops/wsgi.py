"""The WSGI application: Django behind the admission that keeps threads free for receipts."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportops.settings")

_django = get_wsgi_application()

from django.conf import settings  # noqa: E402 - readable only now

from supportops.running.admission import Admission  # noqa: E402
from supportops.running.processes import take_turns_quickly  # noqa: E402

take_turns_quickly()

application = Admission(_django, most=settings.WEB_THREADS - settings.WEB_THREADS_FOR_RECEIPTS)
