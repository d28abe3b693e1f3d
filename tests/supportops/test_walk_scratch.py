import os, collections
from typing import Any
import pytest
from django.urls import reverse
from django.conf import settings
from tests import pseudo_language
from tests.supportops.test_admin_scope import ada, rows_of, addresses_of, lists
from tests.builders import browser
from integrations.registry import all_connectors
pytestmark = pytest.mark.django_db

def test_walk(ada, monkeypatch):
    if os.environ.get("ALL"):
        monkeypatch.setattr(pseudo_language.Pseudo, "gettext", lambda self, t: pseudo_language.marked(t.rpartition("\x04")[2]))
    pseudo_language.installed(monkeypatch)
    client = browser(ada.tenant.owner)
    found = collections.OrderedDict()
    import time
    extra = ["/admin/account/", "/admin/password_change/", "/admin/account/second-factor/", "/admin/login/", "/people/password/", "/admin/account/recovery-codes/"]
    extra += [f"/admin/integrations/integration/add/?platform={c.key}" for c in all_connectors()]
    for address in [*lists(), *addresses_of(ada), *extra]:
        t = time.time()
        page = client.get(address, headers={"accept-language": "de"})
        if page.status_code != 200 or not page["content-type"].startswith("text/html"):
            print("SKIP", page.status_code, address); continue
        for text in pseudo_language.unmarked(page.content.decode()):
            found.setdefault(text, address)
        #print("%.2f" % (time.time()-t), address)
    with open("/tmp/de_walk.txt", "w") as f:
        for text, address in found.items():
            f.write(f"{text[:200]!r}\t{address[:80]}\n")
