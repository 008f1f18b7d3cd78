"""Secrets, names, passwords, limits and the chain of the audit log."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yunnao.kernel.errors import InvalidInput
from yunnao.modules.identity.domain import (
    CHAIN_START,
    CITIZEN_SESSION_MAX,
    STAFF_IDLE_MAX,
    STAFF_SESSION_MAX,
    audit_content,
    chain_hash,
    readable_password,
    require_account,
    require_password,
    require_roles,
    session_limits,
)

ROW = {
    "id": 1,
    "time": datetime(2026, 1, 1, tzinfo=UTC),
    "actor_id": None,
    "actor_name": {"zh": "系统", "en": "System"},
    "action": "case:read",
    "resource": "Case/1",
    "detail_json": '{"b": 1.10, "a": [1, "二"]}',
}


@pytest.mark.parametrize(
    "account", ["", " ", "a b", "张三", "x" * 61, "-a", "a'; DROP TABLE party;--", "a\x00"]
)
def test_an_account_name_is_plain_or_refused(account: str) -> None:
    with pytest.raises(InvalidInput):
        require_account(account)


def test_account_names_are_compared_in_lower_case() -> None:
    assert require_account(" Wang.Li ") == "wang.li"


@pytest.mark.parametrize("password", ["short", "x" * 201, "aaaaaaaaaaaaaaaa", "my-wang.li-password"])
def test_a_weak_password_is_refused(password: str) -> None:
    with pytest.raises(InvalidInput):
        require_password("wang.li", password)


def test_readable_passwords_pass_their_own_rule_and_differ() -> None:
    made = {readable_password() for _ in range(200)}
    assert len(made) == 200
    for password in made:
        require_password("dispatcher", password)


def test_an_unknown_role_is_refused_and_known_ones_are_put_in_order() -> None:
    assert require_roles(["leader", "citizen", "leader"]) == ["citizen", "leader"]
    with pytest.raises(InvalidInput):
        require_roles(["king"])


def test_staff_are_signed_out_sooner_than_citizens() -> None:
    assert session_limits(["citizen"])[0] == CITIZEN_SESSION_MAX
    assert session_limits(["citizen", "leader"]) == (STAFF_SESSION_MAX, STAFF_IDLE_MAX)


def test_the_canonical_form_depends_on_content_only() -> None:
    other_zone = ROW["time"].astimezone(timezone(timedelta(hours=8)))  # type: ignore[attr-defined]
    other_order = '{"a":[1,"二"],"b":1.10}'
    assert audit_content(**ROW) == audit_content(**{**ROW, "time": other_zone, "detail_json": other_order})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"id": 2},
        {"time": datetime(2026, 1, 1, microsecond=1, tzinfo=UTC)},
        {"actor_name": {"zh": "系统", "en": "system"}},
        {"action": "case:list"},
        {"resource": "Case/2"},
        {"detail_json": '{"b": 1.1000000000000000000000001, "a": [1, "二"]}'},
    ],
)
def test_any_change_of_a_row_changes_its_hash(change: dict[str, object]) -> None:
    assert chain_hash(CHAIN_START, audit_content(**ROW)) != chain_hash(  # type: ignore[arg-type]
        CHAIN_START,
        audit_content(**{**ROW, **change}),  # type: ignore[arg-type]
    )


@given(st.text(), st.text())
def test_no_text_can_move_from_one_field_to_the_next(action: str, resource: str) -> None:
    one = audit_content(**{**ROW, "action": action, "resource": resource})  # type: ignore[arg-type]
    other = audit_content(**{**ROW, "action": action + resource, "resource": ""})  # type: ignore[arg-type]
    assert (one == other) == (resource == "")
