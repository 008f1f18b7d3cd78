"""Who may do what: the matrix of roles and actions, and every case where nobody may."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import ANONYMOUS, SYSTEM, Principal
from yunnao.kernel.text import Text
from yunnao.modules.identity.access import Policies, PolicyError
from yunnao.modules.identity.contracts import CaseScope, Resource
from yunnao.modules.identity.domain import ROLES

POLICIES = Policies.load()
FOLDER = files("yunnao.modules.identity").joinpath("policies")
ACTIONS = sorted(
    re.findall(r'"([a-z0-9]+:[a-z_-]+)"', FOLDER.joinpath("policies.cedarschema").read_text(encoding="utf-8"))
)
PUBLIC = {"case:report", "photo:create"}
SHARING = {"catalogue:read", "share:read"}
RULES_SEEN = {"rule:list", "maintenance:list"}
OPEN = RULES_SEEN | {"overview:read", "alarm:list", "device:list", "device:read", "entity:read", "layer:read"}
EVALUATION = {"evaluation:read", "evaluation:read_persons", "report:read", "report:make", "process:read"}
PERSON = PUBLIC | {"token:manage", "notification:own"}
OWN_DEPARTMENT = {
    "case:list", "case:read", "case:read_reporter", "case:accept", "case:return", "case:finish", "photo:read",
    "photo:read_original", "evaluation:read",
    "case:complete",
}  # fmt: skip
OFFICE = {
    "case:confirm", "case:redo", "case:split", "case:ask_extension", "case:ask_suspension", "case:resume",
    "case:appeal", "request:withdraw", "case:share_view", "case:export",
}  # fmt: skip

# Actions allowed on a thing of another department, reported by somebody else, in handling.
ANYWHERE = {
    "anonymous": PUBLIC,
    "system": PUBLIC | {"notification:own", "sensing:ingest", "case:create", "open311:create"},
    "citizen": PERSON | {"open311:create"},
    "dispatcher": PERSON
    | OPEN
    | SHARING
    | EVALUATION
    | {
        "survey:call", "device:command", "device:approve_command",
        "events:subscribe", "alarm:acknowledge", "alarm:assign", "alarm:close", "alarm:comment",
        "alarm:suppress", "maintenance:edit", "case:list", "case:read", "case:read_reporter",
        "case:create", "case:assign", "case:reassign", "case:pass", "case:rework", "case:reject",
        "case:close", "case:merge", "photo:read", "open311:create", "edge:list", "topic:read",
        "warning:list", "warning:acknowledge",
        "photo:read_original", "import:manage",
        "case:hand_over", "case:answered", "case:take_back", "case:involve", "case:release", "case:split",
        "case:extend", "case:suspend", "case:resume", "case:remind", "request:list", "request:decide",
        "flow:list",
        "case:share_view", "case:export",
    },
    "department_staff": PERSON
    | OPEN
    | SHARING
    | {"alarm:comment", "events:subscribe", "case:create", "request:list", "topic:read"},
    "field_worker": PERSON | OPEN | SHARING | {"alarm:comment", "events:subscribe", "case:create"},
    "leader": PERSON
    | OPEN
    | SHARING
    | EVALUATION
    | {
        "device:approve_command", "events:subscribe", "case:list", "case:read", "photo:read", "topic:read",
        "warning:list", "warning:acknowledge",
        "case:supervise", "case:lift", "case:remind", "request:list", "request:decide", "flow:list",
        "case:share_view", "case:export",
    },
    "data_steward": PERSON
    | OPEN
    | SHARING
    | {
        "sensing:ingest", "device:register", "device:manage", "credential:manage", "quarantine:read",
        "quarantine:decide", "rule:edit", "rule:dry_run", "maintenance:edit", "edge:list", "edge:pin",
        "case:erase_reporter", "personal:report", "import:manage", "process:read",
    },
    "administrator": PERSON
    | SHARING
    | RULES_SEEN
    | {
        "share:decide", "share:subscribe", "rule:edit", "rule:dry_run",
        "overview:read", "account:list", "account:manage", "audit:read", "deadletter:read",
        "deadletter:replay", "quarantine:read", "credential:manage", "edge:list", "edge:roll-out",
        "notification:manage",
        "personal:report",
        "flow:list", "flow:migrate",
    },
}  # fmt: skip


def person(*roles: str, department: str | None = None) -> Principal:
    return Principal(
        new_id(), "someone", Text(zh="某人", en="Someone"), "person", frozenset(roles), department
    )


def who(name: str) -> Principal:
    if name == "anonymous":
        return ANONYMOUS
    if name == "system":
        return SYSTEM
    return person(name, department="water" if name in {"department_staff", "field_worker"} else None)


def asked(kind: str, department: object = None, *, own: bool = False, judged: bool = False) -> Resource:
    return Resource("Request", "1", department=department, kind=kind, own=own, judged=judged)  # type: ignore[arg-type]


def thing(action: str, **attributes: object) -> Resource | None:
    area = action.split(":", maxsplit=1)[0]
    if area in {"case", "open311", "photo", "evaluation", "survey"}:
        told = {k: v for k, v in attributes.items() if k != "own"}
        return Resource("Photo" if area == "photo" else "Case", "1", **told)  # type: ignore[arg-type]
    if area == "request":
        return asked("extension", attributes.get("department"), own="own" in attributes)
    return None


def allowed(principal: Principal, **attributes: object) -> set[str]:
    return {a for a in ACTIONS if POLICIES.decide(principal, a, thing(a, **attributes)).allowed}


def test_the_matrix_names_every_role() -> None:
    assert set(ANYWHERE) == {"anonymous", "system", *ROLES}


@pytest.mark.parametrize("name", ANYWHERE)
def test_a_role_may_do_what_the_matrix_says_and_nothing_else(name: str) -> None:
    found = allowed(who(name), department="roads", reporter=new_id(), status="handling")
    assert found == ANYWHERE[name]


@pytest.mark.parametrize("name", ["department_staff", "field_worker"])
def test_a_department_handles_its_own_cases(name: str) -> None:
    found = allowed(who(name), department="water", reporter=new_id(), status="handling")
    assert found == ANYWHERE[name] | OWN_DEPARTMENT | (OFFICE if name == "department_staff" else set())


def test_nobody_decides_on_the_own_request_or_against_the_own_verdict() -> None:
    def decides(principal: Principal, **how: object) -> bool:
        return POLICIES.decide(principal, "request:decide", asked(**how)).allowed  # type: ignore[arg-type]

    desk, leader = who("dispatcher"), who("leader")
    both = person("dispatcher", "leader", "department_staff", department="water")
    assert decides(desk, kind="extension", department="water")
    assert not decides(desk, kind="appeal", department="water")
    assert decides(leader, kind="appeal", department="water")
    assert not decides(leader, kind="appeal", department="water", judged=True)
    assert not decides(leader, kind="appeal", own=True)
    assert not decides(both, kind="extension", department="water")
    assert decides(both, kind="extension", department="roads")


def test_only_departments_that_take_part_feed_back() -> None:
    case = Resource("Case", "1", department="roads", parties=frozenset({"water"}))
    assert POLICIES.decide(who("field_worker"), "case:feed_back", case).allowed
    other = Resource("Case", "1", department="water", parties=frozenset({"roads"}))
    assert not POLICIES.decide(who("field_worker"), "case:feed_back", other).allowed


@pytest.mark.parametrize("status", ["desk", "closed", "rated", "rejected"])
def test_a_department_reads_the_reporter_only_while_it_handles(status: str) -> None:
    case = Resource("Case", "1", department="water", status=status)
    assert not POLICIES.decide(who("department_staff"), "case:read_reporter", case).allowed


def test_staff_without_a_department_see_no_cases() -> None:
    assert not POLICIES.decide(person("department_staff"), "case:read", Resource("Case", "1")).allowed


def test_a_citizen_sees_and_rates_own_cases_only() -> None:
    citizen = person("citizen")
    own = {
        "case:list", "case:read", "case:read_reporter", "case:rate", "case:remind", "photo:read",
        "photo:read_original", "case:erase_reporter",
    }  # fmt: skip
    assert allowed(citizen, reporter=citizen.id) == ANYWHERE["citizen"] | own


def test_the_tracking_code_lets_anybody_rate_and_see_photos() -> None:
    assert allowed(ANONYMOUS, tracked=True) == PUBLIC | {
        "case:rate", "photo:read", "photo:read_original", "case:erase_reporter",
    }  # fmt: skip


@pytest.mark.parametrize("grade", ["important", "core"])
def test_the_reporter_of_a_graded_case_is_for_dispatchers(grade: str) -> None:
    case = {"department": "water", "status": "handling", "grade": grade}
    assert "case:read_reporter" not in allowed(who("department_staff"), **case)
    assert "case:read_reporter" in allowed(who("dispatcher"), **case)


def test_several_roles_add_up() -> None:
    both = person("administrator", "data_steward")
    assert allowed(both) == ANYWHERE["administrator"] | ANYWHERE["data_steward"]


def test_someone_without_a_role_has_only_what_everybody_has() -> None:
    assert allowed(person()) == PERSON


@pytest.mark.parametrize(
    ("principal", "everything", "department", "own"),
    [
        (who("dispatcher"), True, False, False),
        (who("leader"), True, False, False),
        (who("department_staff"), False, True, True),
        (who("citizen"), False, False, True),
        (ANONYMOUS, False, False, False),
        (SYSTEM, False, False, False),
    ],
)
def test_the_scope_of_a_list_follows_from_the_policies(
    principal: Principal, everything: bool, department: bool, own: bool
) -> None:
    assert POLICIES.scope(principal, "case:list") == CaseScope(
        everything=everything,
        department=principal.department if department else None,
        reporter=principal.id if own else None,
    )


def test_a_decision_names_its_policies() -> None:
    assert POLICIES.decide(ANONYMOUS, "case:report").policies == ("anyone-reports",)
    assert POLICIES.decide(ANONYMOUS, "audit:read").policies == ()


@pytest.mark.parametrize(
    ("action", "resource"),
    [("case:fly", None), ("case:read", Resource("Platform")), ("case:read", Resource("Nothing"))],
)
def test_an_action_or_type_that_the_schema_lacks_is_a_mistake(action: str, resource: Resource | None) -> None:
    with pytest.raises(PolicyError):
        POLICIES.decide(who("dispatcher"), action, resource)


def test_a_role_that_the_schema_lacks_is_a_mistake() -> None:
    with pytest.raises(PolicyError):
        POLICIES.decide(person("king"), "case:list")


def test_policies_that_do_not_fit_the_schema_are_refused() -> None:
    schema = FOLDER.joinpath("policies.cedarschema").read_text(encoding="utf-8")
    with pytest.raises(PolicyError):
        Policies('permit (principal, action == Action::"case:fly", resource);', schema)


def test_every_policy_has_a_name() -> None:
    for file in FOLDER.iterdir():
        if file.name.endswith(".cedar"):
            text = file.read_text(encoding="utf-8")
            assert len(re.findall(r"^(permit|forbid)\b", text, re.M)) == len(
                re.findall(r"^@id\(", text, re.M)
            )


def right(principal: Principal, action: str) -> str:
    """How far a right goes: everywhere, in one's department, on one's own, with a tracking code."""
    if POLICIES.decide(principal, action, thing(action, status="handling")).allowed:
        return "yes"
    ways = (
        ("department", {"department": principal.department, "status": "handling"}),
        ("own", {"reporter": principal.id, "own": True}),
        ("code", {"tracked": True}),
    )
    return ", ".join(
        way
        for way, attributes in ways
        if thing(action) and POLICIES.decide(principal, action, thing(action, **attributes)).allowed
    )


def test_the_reference_of_roles_shows_what_the_policies_say() -> None:
    columns = list(ANYWHERE)
    rows = [f"| action | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    rows += [
        f"| `{action}` | " + " | ".join(right(who(name), action) for name in columns) + " |"
        for action in ACTIONS
    ]
    page = Path(__file__).parents[2] / "docs" / "reference" / "roles.md"
    table = "\n".join(rows)
    assert table in page.read_text(encoding="utf-8"), f"the table should be:\n{table}"


def test_a_policy_may_not_name_one_thing_since_decisions_are_remembered_by_attributes() -> None:
    schema = FOLDER.joinpath("policies.cedarschema").read_text(encoding="utf-8")
    with pytest.raises(PolicyError):
        Policies('permit (principal, action == Action::"case:read", resource == Case::"1");', schema)


def test_a_remembered_decision_is_not_that_of_another_party_or_thing() -> None:
    mine, other = new_id(), new_id()
    principal = Principal(mine, "wang", who("citizen").name, "person", frozenset({"citizen"}))
    for _ in range(2):
        assert POLICIES.decide(principal, "case:read", Resource("Case", "1", reporter=mine)).allowed
        assert not POLICIES.decide(principal, "case:read", Resource("Case", "1", reporter=other)).allowed
        assert not POLICIES.decide(principal, "case:read", Resource("Case", "1")).allowed
