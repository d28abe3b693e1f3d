"""What a person's browsers have open, and how it is ended."""

from django.db import models

from supportops.people.models import User


def end_sessions(user: User) -> None:
    """End all of a user's sessions, in every browser. Whoever acts in one of them renews it (`keep_this_session`)."""
    User.objects.filter(pk=user.pk).update(session_generation=models.F("session_generation") + 1)
    user.refresh_from_db(fields=["session_generation"])
