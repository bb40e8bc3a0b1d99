"""Who may do what, asked of the simulated workspace."""

from __future__ import annotations

import pytest

from bot.access import FRESH_SECONDS, LookupFailed, RoleAccess, SlackDirectory
from bot.config import RoleSettings, RolesSettings
from bot.slack import SlackCalls
from sandbox.slack import Fault, SlackFace
from tests.bot.conftest import client_of
from tests.handlers.samples import PROD
from upgrade.ports import Refused, Verb

ROLES = RolesSettings.model_validate(
    {"operator": {"groups": ["S0OPERATORS"]}, "approver": {"groups": ["S0APPROVERS"]}, "admin": {"users": ["U0CY"]}}
)
LOOK: tuple[Verb, ...] = ("check", "plan", "status")
OPERATE: tuple[Verb, ...] = ("start", "resume", "retry", "abort", "recheck", "confirm", "reschedule")
DECIDE: tuple[Verb, ...] = ("approve", "reject", "waive")
ANYBODY: tuple[Verb, ...] = ("pause", "acknowledge", "note")
TEND: tuple[Verb, ...] = ("take_over", "mute")


class Watch:
    """Real time that a test moves."""

    time = 1000.0

    def __call__(self) -> float:
        return self.time


def access_of(face: SlackFace, watch: Watch | None = None, roles: RolesSettings = ROLES) -> RoleAccess:
    calls = SlackCalls(client_of(face))
    directory = SlackDirectory(client_of(face), lambda: calls.workspace().team_id, watch or Watch())
    return RoleAccess(roles, {"ben": "U0BEN"}, directory)


def reason(access: RoleAccess, actor: str, verb: Verb) -> str:
    answer = access.allows(actor, verb, PROD)
    return answer.reason if isinstance(answer, Refused) else ""


@pytest.mark.parametrize(
    ("user", "may"),
    [
        ("U0ADA", {*LOOK, *OPERATE, *ANYBODY, *TEND}),
        ("U0BEN", {*LOOK, *DECIDE, *ANYBODY, *TEND}),
        ("U0CY", {*LOOK, *OPERATE, *DECIDE, *ANYBODY, *TEND, "lift", "admin"}),
        ("U0GUEST", set()),
        ("U0STRANGER", set()),
        ("U0GONE", set()),
        ("U0BOT", set()),
        ("U0NOBODY", set()),
    ],
)
def test_roles_by_user_and_by_group(face: SlackFace, user: str, may: set[Verb]) -> None:
    access = access_of(face)
    every: tuple[Verb, ...] = (*LOOK, *OPERATE, *DECIDE, *ANYBODY, *TEND, "lift", "admin")
    assert {verb for verb in every if not reason(access, user, verb)} == may


def test_a_refusal_says_whose_it_is(face: SlackFace) -> None:
    assert reason(access_of(face), "U0ADA", "approve") == "That is for the role approver or admin."
    assert reason(access_of(face), "U0GUEST", "check") == "Guests cannot do that."


def test_the_glass_is_broken_by_admins_and_whoever_is_named_and_by_no_approver_as_such(face: SlackFace) -> None:
    roles = ROLES.model_copy(update={"break_glass": RoleSettings(users=("U0ADA",))})
    access = access_of(face, roles=roles)
    assert not reason(access, "U0ADA", "break_glass")
    assert not reason(access, "U0CY", "break_glass")
    assert reason(access, "U0BEN", "break_glass") == "That is for the role break_glass or admin."
    assert reason(access, "cli:root", "break_glass") == "root is not mapped to anybody in cli_users."


def test_viewers_that_are_named_are_the_only_ones_who_look(face: SlackFace) -> None:
    roles = ROLES.model_copy(update={"viewer": ROLES.admin})
    access = access_of(face, roles=roles)
    assert not reason(access, "U0CY", "status")
    assert not reason(access, "U0BEN", "check"), "whoever may decide may look"
    outsider = access_of(face, roles=RolesSettings.model_validate({"viewer": {"users": ["U0CY"]}}))
    assert "viewer" in reason(outsider, "U0ADA", "check")


def test_a_membership_that_ended_ends_within_a_minute(face: SlackFace) -> None:
    watch = Watch()
    access = access_of(face, watch)
    assert not reason(access, "U0BEN", "approve")
    face.workspace.usergroups["S0APPROVERS"].users.clear()
    watch.time += FRESH_SECONDS + 1
    assert reason(access, "U0BEN", "approve")


def test_look_ups_are_kept_for_a_minute(face: SlackFace) -> None:
    access = access_of(face)
    for _ in range(5):
        access.allows("U0BEN", "approve", PROD)
    assert [call.method for call in face.workspace.api_calls].count("usergroups.users.list") == 1


def test_without_an_answer_deciding_is_refused_and_stopping_goes_by_what_was_last_known(face: SlackFace) -> None:
    watch = Watch()
    access = access_of(face, watch)
    assert not reason(access, "U0BEN", "approve")
    assert not reason(access, "U0ADA", "abort")
    watch.time += FRESH_SECONDS + 1
    face.set_outage(True)
    assert reason(access, "U0BEN", "approve") == "Slack could not be asked who you are; try again in a minute."
    assert reason(access, "U0BEN", "waive")
    assert reason(access, "U0ADA", "start")
    assert not reason(access, "U0ADA", "abort")
    assert not reason(access, "U0BEN", "pause")
    assert reason(access, "U0BEN", "abort"), "who was no operator is none now"


@pytest.mark.parametrize("method", ["users.info", "usergroups.users.list"])
def test_a_group_or_person_that_cannot_be_read_fails_closed(face: SlackFace, method: str) -> None:
    face.faults.fail_next(method, Fault("error", code="missing_scope"), times=9)
    access = access_of(face)
    assert reason(access, "U0BEN", "approve")
    assert reason(access, "U0ADA", "abort") or method == "users.info"


def test_command_line_users_decide_only_when_mapped() -> None:
    roles = RolesSettings.model_validate({"approver": {"users": ["U0BEN"]}, "operator": {"users": ["U0ADA"]}})
    access = RoleAccess(roles, {"ben": "U0BEN"}, None)
    assert not reason(access, "cli:ben", "approve")
    assert reason(access, "cli:ben", "start"), "a mapped user is that person, with that person's roles"
    assert not reason(access, "cli:root", "start")
    assert reason(access, "cli:root", "approve") == "root is not mapped to anybody in cli_users."
    assert reason(access, "cli:root", "lift") == "root is not mapped to anybody in cli_users."
    assert not reason(access, "cli:root", "reschedule")


def test_without_slack_groups_have_nobody() -> None:
    access = RoleAccess(ROLES, {"ben": "U0BEN", "cy": "U0CY"}, None)
    assert reason(access, "cli:ben", "approve")
    assert not reason(access, "cli:cy", "approve")


@pytest.mark.parametrize(
    ("actor", "to", "does"),
    [
        ("U0ADA", ["U0ADA"], True),
        ("U0ADA", ["S0OPERATORS", "U0BEN"], True),
        ("U0BEN", ["S0OPERATORS"], False),
        ("U0ADA", [], False),
        ("U0GUEST", ["U0GUEST"], False),
        ("cli:ben", ["U0BEN"], True),
        ("cli:root", ["U0BEN"], False),
    ],
)
def test_a_person_belongs_by_name_or_by_group(face: SlackFace, actor: str, to: list[str], does: bool) -> None:
    assert access_of(face).belongs(actor, to) is does


def test_without_an_answer_nobody_can_be_said_to_belong(face: SlackFace) -> None:
    face.set_outage(True)
    with pytest.raises(LookupFailed):
        access_of(face).belongs("U0ADA", ["U0ADA"])
