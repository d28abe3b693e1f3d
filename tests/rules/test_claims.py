"""Claims: whose turn it is, and that what is claimed has one owner."""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from rules.claims import Claimable, Claimed, Turns, claim, in_turn, organizations_due
from rules.models import Rule, RuleVersion, Run, Step, StepStatus
from supportops import clock
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import working_for
from tests.builders import World, make_organization

TABLE = Claimable(Step, running=StepStatus.RUNNING, queue="work")
WORKER, OTHER_WORKER = uuid.UUID(int=1), uuid.UUID(int=2)


def due(organization: Organization, count: int, **fields: Any) -> list[Step]:
    """Make `count` steps of an organization that are due now, the first one longest."""
    now = clock.now()
    with working_for(organization):
        rule = Rule.objects.create(name=f"Rule {uuid.uuid4()}")
        version = RuleVersion.objects.create(rule=rule, number=1, document={})
        run = Run.objects.create(rule=rule, version=version, key=uuid.uuid4().hex)
        return Step.objects.bulk_create(
            [
                Step(
                    organization_id=organization.pk,
                    run=run,
                    position=place,
                    name=f"step-{place}",
                    action="none",
                    **{"due_at": now - timedelta(seconds=count - place), **fields},
                )
                for place in range(count)
            ]
        )


def claimed_by(worker: uuid.UUID, limit: int, turns: Turns | None = None, **more: Any) -> list[Claimed]:
    return claim(TABLE, worker, limit, clock.now(), turns or Turns(), **more)


def owners(claimed: Sequence[Claimed]) -> dict[uuid.UUID, int]:
    return {item.organization_id: sum(c.organization_id == item.organization_id for c in claimed) for item in claimed}


@pytest.mark.django_db
def test_a_quiet_organization_is_served_in_the_next_claim_however_much_another_has_waiting(world: World) -> None:
    due(world.ada.organization, 500)
    [quiet] = due(world.bo.organization, 1)
    for _ in range(5):  # wherever the turns begin
        claimed = claimed_by(WORKER, 20)
        if quiet.pk in {item.id for item in claimed}:
            break
        pytest.fail("the quiet organization had to wait for another claim")
    assert owners(claimed) == {world.ada.organization.pk: 10, world.bo.organization.pk: 1}


@pytest.mark.django_db
def test_organizations_beyond_the_limit_have_their_turn_in_the_next_claims() -> None:
    organizations = [make_organization() for _ in range(5)]
    for organization in organizations:
        due(organization, 10)
    turns = Turns()
    served = [owners(claimed_by(WORKER, 2, turns)) for _ in range(5)]
    assert all(len(each) == 2 for each in served)
    counts = [sum(organization.pk in each for each in served) for organization in organizations]
    assert counts == [2] * 5, "ten turns among five"


@pytest.mark.django_db
def test_two_claims_never_take_the_same_row(world: World) -> None:
    due(world.ada.organization, 30)
    first, second = claimed_by(WORKER, 20), claimed_by(OTHER_WORKER, 20)
    assert (len(first), len(second)) == (20, 10)
    assert not {item.id for item in first} & {item.id for item in second}
    assert claimed_by(WORKER, 20) == []


@pytest.mark.django_db
def test_a_claim_makes_the_worker_the_owner_and_moves_the_fence_on(world: World) -> None:
    [step] = due(world.ada.organization, 1)
    [claimed] = claimed_by(WORKER, 1)
    assert (claimed.id, claimed.fence) == (step.pk, step.fence + 1)
    with working_for(world.ada.organization):
        step.refresh_from_db()
    assert (step.worker_id, step.fence, step.due_at, step.status) == (WORKER, 1, None, "running")


@pytest.mark.django_db
def test_the_longest_due_of_an_organization_goes_first(world: World) -> None:
    steps = due(world.ada.organization, 10)
    assert {item.id for item in claimed_by(WORKER, 3)} == {step.pk for step in steps[:3]}


@pytest.mark.django_db
def test_what_is_not_due_yet_and_what_is_of_another_queue_is_not_claimed(world: World) -> None:
    due(world.ada.organization, 1, due_at=clock.now() + timedelta(minutes=1))
    due(world.ada.organization, 1, due_at=None)
    due(world.bo.organization, 1, queue="scripts")
    assert claimed_by(WORKER, 10) == []
    assert organizations_due(TABLE, clock.now()) == []
    assert len(claim(Claimable(Step, queue="scripts"), WORKER, 10, clock.now(), Turns())) == 1
    with clock.moved(timedelta(minutes=2)):
        assert len(claimed_by(WORKER, 10)) == 1


@pytest.mark.django_db
def test_organizations_that_have_enough_in_hand_are_passed_over(world: World) -> None:
    due(world.ada.organization, 5)
    due(world.bo.organization, 5)
    claimed = claimed_by(WORKER, 10, without={world.ada.organization.pk})
    assert owners(claimed) == {world.bo.organization.pk: 5}
    assert claimed_by(WORKER, 0) == []


@pytest.mark.django_db
@pytest.mark.parametrize("organizations", [1, 12])
def test_a_claim_costs_the_same_few_statements_for_any_number_of_organizations(
    organizations: int, django_assert_num_queries: Any
) -> None:
    for _ in range(organizations):
        due(make_organization(), 3)
    # Whose turn it is, the claim, and the savepoint around it where there is a transaction already.
    with django_assert_num_queries(4):
        assert len(claimed_by(WORKER, 12)) == min(12, organizations * 3)
    with django_assert_num_queries(1):
        claim(TABLE, WORKER, 12, clock.now() - timedelta(days=1), Turns())


def test_claimed_rows_alternate_between_organizations() -> None:
    a, b, c = (uuid.UUID(int=number) for number in (10, 11, 12))
    rows = [Claimed(uuid.uuid4(), organization, 1) for organization in (a, a, a, b, c, c)]
    assert [item.organization_id for item in in_turn(rows)] == [a, b, c, a, c, a]
    assert in_turn([]) == []


def test_turns_go_round() -> None:
    a, b, c = (uuid.UUID(int=number) for number in (10, 11, 12))
    turns = Turns()
    assert turns.order([]) == []
    turns.served(a)
    assert turns.order([a, b, c]) == [b, c, a]
    turns.served(c)
    assert turns.order([a, b, c]) == [a, b, c]
    turns.served(b)
    assert turns.order([a, b]) == [a, b], "the next one may have nothing due any more"
