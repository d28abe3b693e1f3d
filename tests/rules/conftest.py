"""A desk whose platforms are fakes and have no rate limits."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.builders import World
from tests.fake_platform import in_place_of_the_network
from tests.rules.engine import Desk


@pytest.fixture
def desk(world: World, settings: Any) -> Iterator[Desk]:
    """Ada's organization with Freshdesk and Slack connected."""
    settings.PLATFORM_LIMITS = {"slack": None, "freshdesk": None}
    with in_place_of_the_network() as platform:
        yield Desk(world.ada.organization, platform).connect()
