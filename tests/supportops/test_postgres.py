"""PostgreSQL takes what strangers write."""

import pytest
from django.db import connection

from supportops.tenancy.models import Organization

pytestmark = [pytest.mark.postgres, pytest.mark.django_db]


def test_a_zero_character_is_replaced_and_never_an_error() -> None:
    made = Organization.objects.create(slug="zero", name="a\0b")
    made.refresh_from_db()
    assert made.name == "a\ufffdb"
    assert Organization.objects.filter(name="a\0b").get() == made
    assert not Organization.objects.filter(slug__in=["\0", "x\0"]).exists()


def test_other_texts_come_back_as_they_were() -> None:
    texts = ["", "plain", "Grüße 🎉", "quote ' and \\ backslash", "\ufffd", "%s"]
    with connection.cursor() as cursor:
        for text in texts:
            cursor.execute("SELECT %s", [text])
            assert cursor.fetchone() == (text,)
            cursor.execute("SELECT unnest(%s::text[])", [[text, text]])
            assert cursor.fetchall() == [(text,), (text,)]
            cursor.execute("SELECT octet_length(%s::text), 5 = %s", [text, "5"])
            assert cursor.fetchone() == (len(text.encode()), True)
