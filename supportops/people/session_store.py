"""Sessions in the database, with whose they are beside them: what a person has open can be listed and ended."""

import uuid
from datetime import timedelta
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

from supportops import clock

# Exact enough for people, and reads stay reads most of the time.
_SEEN_IS_NOTED_EVERY = timedelta(minutes=5)


class SessionStore(DatabaseStore):
    """Django's own store over `BrowserSession`."""

    @classmethod
    def get_model_class(cls) -> Any:
        from supportops.people.models import BrowserSession

        return BrowserSession

    def create_model_instance(self, data: Any) -> Any:
        row: Any = super().create_model_instance(data)
        user_id = data.get(SESSION_KEY)
        row.user_id = uuid.UUID(user_id) if user_id else None
        return row

    def _get_session_from_db(self) -> Any:
        row = super()._get_session_from_db()  # type: ignore[misc]
        now = clock.now()
        if row is not None and now - row.last_seen_at > _SEEN_IS_NOTED_EVERY:
            self.get_model_class().objects.filter(pk=row.pk).update(last_seen_at=now)
        return row
