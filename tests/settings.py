"""The settings of the tests: the product's own, with keys that are no secret and a database per test process.

SUPPORTOPS_DATABASE_URL runs the tests on PostgreSQL.
"""

import os
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("SUPPORTOPS_SECRET_KEY", "tests-" + "k" * 40)
os.environ.setdefault("SUPPORTOPS_MASTER_KEYS", "k1:MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE=")
os.environ.setdefault("SUPPORTOPS_DATA", str(_ROOT / "var" / "tests"))

from supportops.settings import *  # noqa: E402, F403
from supportops.settings import DATA_DIR, DATABASES  # noqa: E402

(DATA_DIR / "static").mkdir(parents=True, exist_ok=True)
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, since threads cannot share an in-memory database without stepping on its table locks; nothing in
    # it must survive a power cut, so the disk need not be waited for.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / f"test-{os.getpid()}.sqlite3")}
    DATABASES["default"]["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"
else:
    # The pool keeps connections open, and a database in use cannot be dropped at the end.
    DATABASES["default"]["OPTIONS"].pop("pool", None)
    DATABASES["default"]["TEST"] = {"NAME": f"test_supportops_{os.getpid()}"}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
