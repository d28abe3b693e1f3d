"""In which language people read: their own choice, else their browser's. Programs are answered in English."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.urls import reverse
from django.utils import translation
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from django.views.i18n import JavaScriptCatalog

# Errors of the API are read by programs and searched for by people: they are the same for everybody.
_FOR_PROGRAMS = ("/api/", "/healthz", "/readyz", "/metrics")


class LanguageMiddleware(LocaleMiddleware):
    """Django's choice of the language, by cookie and Accept-Language, for pages alone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        super().__init__(get_response)

    def process_request(self, request: HttpRequest) -> None:
        if request.path.startswith(_FOR_PROGRAMS):
            translation.activate("en")
        else:
            super().process_request(request)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if request.path.startswith(_FOR_PROGRAMS):
            return response
        return super().process_response(request, response)


@require_safe
@cache_control(private=True, max_age=300)
def texts(request: HttpRequest) -> HttpResponseBase:
    """Give the texts of pages' scripts in the reader's language, with `gettext` and its kin."""
    return JavaScriptCatalog.as_view(packages=["django.contrib.admin"])(request)


def texts_address(request: HttpRequest) -> str:
    """Return where the page finds the texts of its scripts; another language is another address."""
    return f"{reverse('texts')}?language={translation.get_language() or 'en'}"
