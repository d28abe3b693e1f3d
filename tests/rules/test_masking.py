"""What a platform answers is kept without what is secret about its integration: its credentials and signing secrets."""

from datetime import timedelta

import pytest

from integrations import endpoints, registry
from integrations.models import Integration
from rules.models import StepContent
from supportops.redaction import MASK
from supportops.tenancy.scope import working_for
from tests.rules.engine import MESSAGE, SLACK, Desk

pytestmark = pytest.mark.django_db(transaction=True)

OLD, NEW = "8f742231b10e8888abcd99yyyzzz85a5", "1a2b3c4d5e6f70819293a4b5c6d7e8f9"


def test_signing_secrets_are_masked_the_one_before_included(desk: Desk) -> None:
    connector = registry.get("slack")
    with working_for(desk.organization):
        slack = Integration.objects.get(platform="slack")
        Integration.objects.get(pk=slack.pk).endpoints.all().delete()
        endpoint, _ = endpoints.make_endpoint(slack, connector, secret=OLD)
        endpoints.rotate_secret(endpoint, connector, secret=NEW, grace=timedelta(hours=1))
        assert endpoints.signing_secrets(slack.pk) == [NEW, OLD]
    desk.platform.on("POST", SLACK, {"ok": True, "ts": "1.2", "channel": f"now {NEW}, was {OLD}"})
    desk.rule(MESSAGE)
    desk.ticket()
    desk.perform()
    with working_for(desk.organization):
        content = StepContent.objects.get(step=desk.step("message"))
    assert content.output == {"ts": "1.2", "channel": f"now {MASK}, was {MASK}"}
