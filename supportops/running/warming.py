"""What processes make of the application before their first work, made once in the process they are forked from.

Celery's tasks, the tree of addresses, the templates of a page, the compilers of statements: what each process would
otherwise make for itself, in pages of its own. Nothing here asks the database or the broker.
"""

import importlib
import io
import logging
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.urls import get_resolver

logger = logging.getLogger(__name__)

# None of them opens a session nor asks who is there.
PAGES = ("/healthz", "/admin/login/", "/api/no-such-address/")


def warm_up() -> None:
    """Make it all."""
    make_tasks()
    make_addresses(get_resolver())
    make_statements()
    for path in PAGES:
        answer(path)


def make_tasks() -> None:
    """Have Celery make its tasks, queues and routes."""
    from supportops.celery import app

    app.finalize()
    app.amqp.router  # noqa: B018 - made when first asked for
    app.amqp.queues  # noqa: B018
    app.backend  # noqa: B018
    importlib.import_module("kombu.mixins")


def make_addresses(resolver: Any) -> None:
    """Have Django compile every address and what it needs to write one."""
    resolver.reverse_dict  # noqa: B018 - made when first asked for
    for pattern in resolver.url_patterns:
        if hasattr(pattern, "url_patterns"):
            make_addresses(pattern)


def make_statements() -> None:
    """Compile a question to each table, which makes fields, relations, columns and the compilers of the backend."""
    if connection.vendor == "postgresql":
        from django.db.backends.postgresql.psycopg_any import get_adapters_template

        get_adapters_template(settings.USE_TZ, connection.timezone)
    for model in apps.get_models():
        model._meta.related_objects  # noqa: B018 - made when first asked for, as is the next
        model._meta.fields_map  # noqa: B018
        model._base_manager.all().query.get_compiler(connection=connection).as_sql()


def answer(path: str) -> None:
    """Answer a page to nobody; one that fails is only said."""
    from supportops.wsgi import application

    statuses: list[str] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "HTTP_HOST": settings.ALLOWED_HOSTS[0].lstrip(".") if settings.ALLOWED_HOSTS else "localhost",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "https" if settings.SECURE_COOKIES else "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
    }
    response = application(environ, lambda status, headers, exc_info=None: statuses.append(status))
    try:
        b"".join(response)
    finally:
        getattr(response, "close", lambda: None)()
    if statuses[0].startswith("5"):
        # Webhooks are taken and work is done also while a page is broken.
        logger.warning("While the application was loaded, %s answered %s.", path, statuses[0])
