"""The WSGI application: the front door, and Django behind the admission that keeps threads free for receipts."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportops.settings")

_django = get_wsgi_application()

from django.conf import settings  # noqa: E402 - readable only now

from integrations import second_wall  # noqa: E402
from supportops.running.admission import Admission  # noqa: E402
from supportops.running.processes import take_turns_quickly  # noqa: E402
from webhooks.door import FrontDoor  # noqa: E402

take_turns_quickly()

# Connection tests and actions by hand run connectors of others here, and embedded the workers live here too.
if settings.SECOND_WALL:
    second_wall.install()

application = FrontDoor(Admission(_django, most=settings.WEB_THREADS - settings.WEB_THREADS_FOR_RECEIPTS))
