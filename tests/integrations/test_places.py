"""Base URLs: what a credential may do to an address, and what not."""

import httpx
import pytest

from integrations import errors
from integrations.base import BaseIntegration
from integrations.http import client_for
from integrations.specs import SecretSpec
from tests.integrations.acme import Handler


class TestPlaces:
    def made(self, base: str, **credentials: str) -> str:
        class Placed(BaseIntegration):
            key, name, base_url = "placed", "Placed", base
            secrets = [SecretSpec(name) for name in ("domain", "token", "url")]

        handler: Handler = lambda request: httpx.Response(200, text=str(request.url))  # noqa: E731
        fake = httpx.MockTransport(handler)
        return client_for(Placed, credentials, transport=fake).get("x").text

    def test_host_from_a_credential(self) -> None:
        assert (
            self.made("https://{domain}/api/v2", domain="Acme.freshdesk.com") == "https://acme.freshdesk.com/api/v2/x"
        )
        assert self.made("https://{domain}.zendesk.com", domain="acme") == "https://acme.zendesk.com/x"

    @pytest.mark.parametrize(
        "domain",
        ["evil.example/", "evil.example#", "evil.example?", "a@evil.example", "evil.example:80", "a b", "-a", "a..b"],
    )
    def test_a_credential_cannot_lead_elsewhere(self, domain: str) -> None:
        with pytest.raises(errors.InvalidInput, match="domain"):
            self.made("https://{domain}.zendesk.com/api", domain=domain)

    def test_path_from_a_credential_is_encoded(self) -> None:
        assert self.made("https://t.example/bot{token}", token="1:A/../b") == "https://t.example/bot1:A%2F..%2Fb/x"

    def test_an_addresss_origin_from_a_credential(self) -> None:
        url = "https://hooks.example:8443/a/b?sig=x#y"
        assert self.made("{url:origin}", url=url) == "https://hooks.example:8443/x"
        for odd in ("hooks.example/a", "ftp://hooks.example", "https://a:b@hooks.example/"):
            with pytest.raises(errors.InvalidInput, match="url"):
                self.made("{url:origin}", url=odd)

    def test_whole_address_from_a_credential(self) -> None:
        assert self.made("{url}/rest", url="https://jira.example/base/") == "https://jira.example/base/rest/x"
        assert self.made("{url}", url="grafana.example:3000") == "https://grafana.example:3000/x"
        for bad in ("ftp://x", "https://u:p@x", "https://x/?a", "https://x/../y", "javascript:alert(1)"):
            with pytest.raises(errors.InvalidInput):
                self.made("{url}", url=bad)
