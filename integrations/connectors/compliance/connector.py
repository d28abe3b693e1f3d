"""Compliance: a check by a system of the organization's own, and its result."""

from typing import TYPE_CHECKING, Any

from integrations.base import BaseIntegration
from integrations.connectors.compliance.client import ComplianceApi, check_id, has_ended, has_passed, status_of
from integrations.connectors.compliance.schemas import ComplianceConfig, ComplianceCredentials, RunCheck
from integrations.errors import InvalidInput
from integrations.payloads import items, mapping
from integrations.specs import Account, ActionSpec, Limit, Result
from supportops import clock

if TYPE_CHECKING:
    from integrations.http import PlatformClient

# Of what was found wrong so much is said in the message; all of it stands in the output.
_MOST_SAID = 5


class Compliance(BaseIntegration):
    key, name = "compliance", "Compliance"
    description = "Has your own compliance system check an environment, and stops a run when the check is not passed."
    Credentials = ComplianceCredentials
    Config = ComplianceConfig
    base_url = "{url}"
    # Our own: nothing is known of the system, and a check costs it work.
    limits = [Limit("system", calls=5, seconds=1, burst=5)]
    signature = None
    actions = [
        # Our key goes along, but whether the system knows it nobody has said: a cut-off call stays uncertain.
        ActionSpec(
            "run_check",
            "Have an environment checked, and wait for the result.",
            model=RunCheck,
            handler="run_check",
            label="Run a check",
        )
    ]

    credentials: ComplianceCredentials
    config: ComplianceConfig
    api: ComplianceApi

    def authorize(self, http: "PlatformClient") -> None:
        http.headers["Authorization"] = f"Bearer {self.credentials.token}"
        self.api = ComplianceApi(http, self.call.idempotency_key)

    def test_connection(self) -> Result:
        """Ask for one earlier check; begins none."""
        # A system need not list its checks.
        answer = self.http.get("/checks", params={"limit": 1}, expected=(404, 405))
        remark = "" if answer.is_success else " It lists no checks: the first one will show whether the token is good."
        account = Account(id=self.credentials.url)
        return Result(True, f"The compliance system answers.{remark}", {"account": account})

    def run_check(self, data: RunCheck) -> Result:
        policy_set = data.policy_set or self.credentials.policy_set
        if not policy_set:
            raise InvalidInput("Name a policy set, or set one in the integration.")
        check = self.api.begin(
            {
                "environment": data.environment,
                "check_type": data.check_type,
                "policy_set": policy_set,
                "timestamp": clock.now().isoformat(),
                "metadata": data.metadata,
            }
        )
        if data.wait:
            check = self.api.follow(check, self.config.wait_seconds, self.config.poll_seconds)
        return self._result(data, check)

    def _result(self, data: RunCheck, check: dict[str, Any]) -> Result:
        status, ended = status_of(check), has_ended(check)
        passed = has_passed(check) if ended else None
        output = {"check_id": check_id(check), "status": status, "ended": ended, "passed": passed, "answer": check}
        name = f"The {data.check_type} check of {data.environment}"
        if passed:
            return Result(True, f"{name} is passed.", output)
        if not ended and not data.wait:
            return Result(True, f"{name} has begun.", output)
        how = "is not passed" if ended else "has not ended in time"
        said = f"{name} {how} ({status or 'no status'})"
        found = "; ".join(_violations(check)[:_MOST_SAID])
        return Result(data.on_failure == "continue", said + (f": {found}." if found else "."), output)


def _violations(check: dict[str, Any]) -> list[str]:
    """What the system found wrong, in its own words."""
    found = next((items(check[name]) for name in ("violations", "findings", "failures") if check.get(name)), [])
    texts = [item if isinstance(item, str) else mapping(item).get("message") for item in found]
    return [str(text)[:200] for text in (*texts, check.get("message")) if text]
