"""The settings of the tests: the product's own, with keys that are no secret and a folder that goes away.

SQLite unless SUPPORTOPS_DATABASE_URL names another database, as `run.py test` does for its second round.
"""

import atexit
import os
import shutil
import tempfile

_folder = tempfile.mkdtemp(prefix="supportops-tests-")
_maker = os.getpid()


@atexit.register
def _remove_folder() -> None:
    # Forked children of tests run this too; the folder is not theirs.
    if os.getpid() == _maker:
        shutil.rmtree(_folder, ignore_errors=True)


os.environ["SUPPORTOPS_DATA"] = _folder
os.environ["SUPPORTOPS_MODE"] = "embedded"
os.environ["SUPPORTOPS_SECRET_KEY"] = "tests-" + "k" * 40
os.environ["SUPPORTOPS_MASTER_KEYS"] = "k1:MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE="

from supportops.settings import *  # noqa: E402, F403
from supportops.settings import DATA_DIR, DATABASES  # noqa: E402

(DATA_DIR / "static").mkdir()
if DATABASES["default"]["ENGINE"] == "supportops.sqlite":
    # A file, since threads cannot share an in-memory database without stepping on its table locks; nothing in
    # it must survive a power cut, so the disk need not be waited for.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
    DATABASES["default"]["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"
else:
    # The pool keeps connections open, and a database in use cannot be dropped at the end.
    DATABASES["default"]["OPTIONS"].pop("pool", None)
    DATABASES["default"]["TEST"] = {"NAME": f"test_supportops_{os.getpid()}"}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# It could not be taken down again, and tests talk to servers on this machine.
SECOND_WALL = False
