"""Which account a step means: that of the run's environment, else the one for all."""

import pytest

from integrations import lifecycle
from integrations.errors import InvalidInput
from integrations.lookup import Integrations
from integrations.models import Integration
from supportops.tenancy.scope import working_for
from tests.builders import World

pytestmark = pytest.mark.django_db


def connect(world: World, **accounts: str) -> None:
    """Connect Slack once for each name, with the environment that it is given ("": all)."""
    with working_for(world.ada.organization):
        for name, environment in accounts.items():
            token = {"bot_token": f"xoxb-{name}-1234567890"}
            lifecycle.create(platform="slack", name=name, credentials=token, environment=environment or None)


def found(world: World, environment: str = "", reference: str | None = None) -> str:
    with working_for(world.ada.organization):
        return Integrations().find("slack", reference, environment).name


@pytest.mark.parametrize(
    ("accounts", "environment", "name"),
    [
        ({"all": "", "live": "prod", "stage": "staging"}, "prod", "live"),
        ({"all": "", "live": "prod", "stage": "staging"}, "staging", "stage"),
        ({"all": "", "live": "prod"}, "dev", "all"),
        ({"all": "", "live": "prod"}, "", "all"),
        ({"live": "prod"}, "prod", "live"),
        ({"live": "prod"}, "", "live"),
    ],
)
def test_the_account_of_the_environment_comes_first(
    world: World, accounts: dict[str, str], environment: str, name: str
) -> None:
    connect(world, **accounts)
    assert found(world, environment) == name


def test_another_environments_account_is_never_taken_by_itself(world: World) -> None:
    connect(world, live="prod")
    with pytest.raises(InvalidInput, match="no slack integration for the environment 'dev'"):
        found(world, "dev")
    # Whoever names one means it.
    assert found(world, "dev", "live") == "live"


@pytest.mark.parametrize("environment", ["prod", "", "dev"])
def test_of_several_none_is_guessed(world: World, environment: str) -> None:
    connect(world, one="prod", two="prod", three="", four="")
    with pytest.raises(InvalidInput, match="several slack integrations"):
        found(world, environment)
    assert found(world, environment, "two") == "two"


def test_one_that_is_switched_off_is_not_replaced_by_the_one_for_all(world: World) -> None:
    connect(world, all="", live="prod")
    with working_for(world.ada.organization):
        lifecycle.change(Integration.objects.get(name="live"), is_enabled=False)
    with pytest.raises(InvalidInput, match="'live' is switched off"):
        found(world, "prod")


def test_another_organizations_accounts_are_not_there(world: World) -> None:
    connect(world, live="prod")
    with working_for(world.bo.organization), pytest.raises(InvalidInput, match="There is no slack integration"):
        Integrations().find("slack", "live", "prod")
