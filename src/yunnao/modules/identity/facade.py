"""Identity: who acts, what they may do, and what they did."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import structlog
from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Transaction
from yunnao.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound, TooMany, Unauthenticated
from yunnao.kernel.ids import UUID, new_id
from yunnao.kernel.packs.city import CityPack
from yunnao.kernel.principal import ANONYMOUS, SYSTEM, Principal
from yunnao.kernel.text import Text
from yunnao.kernel.time import Clock
from yunnao.modules.identity import audit as audit_log
from yunnao.modules.identity import demo as demo_accounts
from yunnao.modules.identity import sessions, store
from yunnao.modules.identity.access import Policies
from yunnao.modules.identity.contracts import (
    Account,
    ApiToken,
    AuditReport,
    AuditRow,
    CaseScope,
    Decision,
    DemoAccount,
    Department,
    Members,
    Refusal,
    Resource,
    Session,
)
from yunnao.modules.identity.demo import DemoFile
from yunnao.modules.identity.domain import (
    account_key,
    require_account,
    require_password,
    require_roles,
    secret_hash,
)
from yunnao.modules.identity.passwords import Passwords

__all__ = ["Identity", "Policies"]

PAGE_ROWS_MAX = 500
MEMBERS_MAX = 1_000
ATTEMPTS_MAX = 8
"""To sign in, at once in one process: each holds a connection while its password is hashed, and
half of the pool must stay free for everybody else."""
BUSY_RETRY_S = 1

log = structlog.get_logger()


class Identity:
    """Accounts, sessions, tokens, access and the audit log.

    `demo_file` is where the demo accounts' passwords lie; None where demo mode is off.
    """

    def __init__(
        self,
        clock: Clock,
        policies: Policies,
        demo_file: Path | None = None,
        passwords: Passwords | None = None,
    ) -> None:
        self._clock = clock
        self._policies = policies
        self._demo_file = DemoFile(demo_file) if demo_file else None
        self._passwords = passwords or Passwords()
        self._signing_in = 0

    # --- installation ------------------------------------------------------------------------

    async def install(self, tx: Transaction, pack: CityPack, demo: bool) -> list[DemoAccount]:
        """Takes the pack's departments over; makes its demo accounts, or disables them all.

        Raises ValueError when demo mode is asked for without a file for its passwords.
        """
        if demo and self._demo_file is None:
            raise ValueError("demo mode needs a file for the accounts' passwords")
        await store.run(
            tx,
            "departments_upsert",
            ids=[d.id for d in pack.departments],
            names=[Jsonb(d.name.model_dump()) for d in pack.departments],
            kinds=[d.kind for d in pack.departments],
            areas=[d.area for d in pack.departments],
            parents=[d.parent for d in pack.departments],
            phones=[d.phone for d in pack.departments],
        )
        await store.run(tx, "departments_retire", ids=[d.id for d in pack.departments])
        now = self._clock.now()
        if self._demo_file is None or not demo:
            await store.run(tx, "demo_disable", now=now, accounts=[])
            return []
        return await demo_accounts.install(tx, now, pack, self._demo_file, self._passwords)

    def demo_accounts(self) -> list[DemoAccount] | None:
        """The demo accounts with their passwords; None where demo mode is off."""
        return demo_accounts.accounts(self._demo_file.read()) if self._demo_file else None

    # --- who acts ----------------------------------------------------------------------------

    async def sign_in(
        self, tx: Transaction, account: str, password: str, address: str
    ) -> tuple[Session, str] | Refusal:
        """A session and its secret; a Refusal for wrong credentials or too many failures.

        A refusal is returned and not raised, so that the transaction with the count of failures
        commits. `address` is the network address of the client.
        """
        now = self._clock.now()
        if self._signing_in >= ATTEMPTS_MAX:
            return Refusal("sign_in_busy", TooMany.status, {"retry_after_s": BUSY_RETRY_S})
        self._signing_in += 1
        try:
            party = await sessions.sign_in(
                tx, now, self._passwords, account=account, password=password, address=address
            )
        finally:
            self._signing_in -= 1
        if isinstance(party, Refusal):
            if party.party is not None:
                target = f"Party/{party.party}"
                await self.audit(tx, ANONYMOUS, "session:refuse", target, address=address)
            return party
        secret, expires_at = await sessions.open_session(tx, now, party)
        await self.audit(tx, store.principal(party), "session:open", f"Party/{party['id']}", address=address)
        return Session(await self.account(tx, party["id"]), expires_at), secret

    async def sign_out(self, tx: Transaction, secret: str) -> None:
        await store.run(tx, "session_delete", token_hash=secret_hash(secret))

    async def authenticate(
        self, tx: Transaction, *, session: str | None = None, token: str | None = None
    ) -> Principal:
        """Who holds the API token, else whose session it is, else ANONYMOUS.

        Raises Unauthenticated `token_unknown`, `token_expired`, `account_disabled` for a token. A
        session that has ended is anonymous: `authorize` then asks to sign in.
        """
        if token is not None:
            return await sessions.by_token(tx, self._clock.now(), token)
        if session is not None:
            return await sessions.by_session(tx, self._clock.now(), session)
        return ANONYMOUS

    async def session(self, tx: Transaction, principal: Principal, secret: str) -> Session:
        """The account of `principal` and when `secret` (a session's or a token's) ends."""
        if principal.id is None:
            raise Unauthenticated("sign_in_required")
        row = await store.one(tx, "credential_expiry", token_hash=secret_hash(secret))
        if row is None:
            raise Unauthenticated("sign_in_required")
        return Session(await self.account(tx, principal.id), row["expires_at"])

    async def make_token(
        self, tx: Transaction, by: Principal, party: UUID, name: str, lasts: timedelta
    ) -> tuple[ApiToken, str]:
        """A token with the rights of `party`, and its secret, which is shown this once."""
        token, secret = await sessions.make_token(tx, self._clock.now(), party, name, lasts)
        await self.audit(tx, by, "token:create", f"Token/{token.id}", name=token.name, party=party)
        return token, secret

    async def tokens(self, tx: Transaction, party: UUID) -> list[ApiToken]:
        found = await store.rows(tx, "tokens", party_id=party, limit=PAGE_ROWS_MAX)
        return [ApiToken(**row) for row in found]

    async def drop_token(self, tx: Transaction, by: Principal, token_id: UUID) -> None:
        """Ends one of the own tokens of `by`. Raises NotFound for any other."""
        if by.id is None:
            raise Unauthenticated("sign_in_required")
        name = await sessions.drop_token(tx, by.id, token_id)
        await self.audit(tx, by, "token:delete", f"Token/{token_id}", name=name)

    async def prune(self, tx: Transaction) -> None:
        """Forgets sessions, tokens and failures that no longer matter; for an hourly timer."""
        await store.run(tx, "prune", now=self._clock.now())

    # --- what they may do --------------------------------------------------------------------

    def authorize(self, principal: Principal, action: str, resource: Resource | None = None) -> None:
        """Returns if the policies allow it. Raises Unauthenticated for an anonymous principal,
        Forbidden for any other; PolicyError for an action that the schema lacks."""
        decision = self._policies.decide(principal, action, resource)
        if decision.allowed:
            return
        if principal.kind == "anonymous":
            raise Unauthenticated("sign_in_required")
        log.warning("access_denied", actor=principal.account, action=action, policies=decision.policies)
        raise Forbidden("forbidden", action=action)

    def allowed(self, principal: Principal, action: str, resource: Resource | None = None) -> bool:
        return self._policies.decide(principal, action, resource).allowed

    def explain(self, principal: Principal, action: str, resource: Resource | None = None) -> Decision:
        """The decision and the policies that made it; no policy: denied by default."""
        return self._policies.decide(principal, action, resource)

    def scope(self, principal: Principal, action: str = "case:list") -> CaseScope:
        """The cases that a list may show. Raises as `authorize` where there can be none."""
        scope = self._policies.scope(principal, action)
        if scope == CaseScope():
            self.authorize(principal, action)
        return scope

    # --- accounts and departments ------------------------------------------------------------

    async def departments(self, tx: Transaction) -> list[Department]:
        """Those of the installed city pack, by id."""
        return [store.department(row) for row in await store.rows(tx, "departments")]

    async def department(self, tx: Transaction, department_id: str) -> Department:
        """One, also if the pack has dropped it since. Raises NotFound."""
        row = await store.one(tx, "department", id=department_id)
        if row is None:
            raise NotFound("department_unknown", department=department_id)
        return store.department(row)

    async def department_names(self, tx: Transaction, ids: Collection[str]) -> dict[str, Text]:
        found = await store.rows(tx, "department_names", ids=list(ids))
        return {row["id"]: Text(**row["name"]) for row in found}

    async def accounts(self, tx: Transaction, *, limit: int = 50, after: str | None = None) -> list[Account]:
        """By account name; `after` is the last name of the page before."""
        found = await store.rows(
            tx, "accounts", id=None, account=None, after=after, limit=min(limit, PAGE_ROWS_MAX)
        )
        return [store.account(row) for row in found]

    async def account(self, tx: Transaction, which: UUID | str) -> Account:
        """By id or by account name. Raises NotFound `account_unknown`."""
        by_id = isinstance(which, UUID)
        row = await store.one(
            tx,
            "accounts",
            id=which if by_id else None,
            account=None if by_id else account_key(str(which)),
            after=None,
            limit=1,
        )
        if row is None:
            raise NotFound("account_unknown", account=str(which))
        return store.account(row)

    async def names(self, tx: Transaction, ids: Collection[UUID]) -> dict[UUID, Text]:
        """Names of parties by id; unknown ids are left out."""
        found = await store.rows(tx, "party_names", ids=list(ids))
        return {row["id"]: Text(**row["name"]) for row in found}

    async def members(self, tx: Transaction, wanted: Sequence[Members]) -> list[list[UUID]]:
        """For each wish the accounts that are meant and not disabled, at most `MEMBERS_MAX` by role."""
        told = [
            {"n": n, "accounts": [str(a) for a in w.accounts], "department": w.department, "roles": w.roles}
            for n, w in enumerate(wanted)
        ]
        found: list[list[UUID]] = [[] for _ in wanted]
        for row in await store.rows(tx, "members", wanted=Jsonb(told), limit=MEMBERS_MAX):
            found[row["n"]].append(row["id"])
        return found

    async def create_account(
        self,
        tx: Transaction,
        by: Principal,
        account: str,
        name: Text,
        roles: Sequence[str] = (),
        *,
        department: str | None = None,
        kind: Literal["person", "system"] = "person",
        password: str | None = None,
    ) -> Account:
        """A new account; without a password nobody can sign in with it, but it may carry tokens.

        Raises InvalidInput for its name, password or roles, NotFound for its department, Conflict
        `account_taken`.
        """
        key = require_account(account)
        wanted = require_roles(roles)
        if password is not None:
            require_password(key, password)
        if department is not None:
            await self.department(tx, department)
        elif {"department_staff", "field_worker"} & set(wanted):
            raise InvalidInput("role_needs_department")
        party_id = new_id()
        made = await store.one(
            tx,
            "party_insert",
            id=party_id,
            account=key,
            name=Jsonb(name.model_dump()),
            kind=kind,
            department=department,
            password_hash=await self._passwords.hash(password) if password is not None else None,
            now=self._clock.now(),
        )
        if made is None:
            raise Conflict("account_taken", account=key)
        await store.run(tx, "roles_replace", party_id=party_id, roles=wanted, now=self._clock.now())
        await self.audit(
            tx, by, "account:create", f"Party/{party_id}", account=key, roles=wanted, department=department
        )
        return await self.account(tx, party_id)

    async def ensure_service(self, tx: Transaction, account: str, name: Text) -> Account:
        """The service account of this name, made if there is none. Raises Conflict for a person's."""
        # Made first: where several processes start together, all but one find it taken and look.
        try:
            return await self.create_account(tx, SYSTEM, account, name, kind="system")
        except Conflict:
            found = await self.account(tx, account)
        if found.kind != "system":
            raise Conflict("account_taken", account=found.account)
        return found

    async def set_password(self, tx: Transaction, by: Principal, party: UUID, password: str) -> None:
        """A new password; every session of the account ends."""
        account = await self.account(tx, party)
        require_password(account.account, password)
        await store.run(tx, "party_password", id=party, password_hash=await self._passwords.hash(password))
        await store.run(tx, "sessions_delete", party_id=party)
        await store.run(tx, "sign_in_succeeded", account_hash=secret_hash(account.account))
        await self.audit(tx, by, "account:password", f"Party/{party}")

    async def set_roles(self, tx: Transaction, by: Principal, party: UUID, roles: Collection[str]) -> Account:
        """Replaces the account's roles; they count from its next request on."""
        account = await self.account(tx, party)
        wanted = require_roles(roles)
        if account.department is None and {"department_staff", "field_worker"} & set(wanted):
            raise InvalidInput("role_needs_department")
        await store.run(tx, "roles_replace", party_id=party, roles=wanted, now=self._clock.now())
        await self.audit(tx, by, "account:roles", f"Party/{party}", before=list(account.roles), after=wanted)
        return await self.account(tx, party)

    def check_role(self, role: str) -> None:
        """Raises InvalidInput `role_unknown`."""
        require_roles([role])

    async def disable(self, tx: Transaction, by: Principal, party: UUID) -> None:
        """Nobody acts with the account from now on; its sessions end, its tokens are refused."""
        await self.account(tx, party)
        await store.run(tx, "party_disable", id=party, now=self._clock.now())
        await store.run(tx, "sessions_delete", party_id=party)
        await self.audit(tx, by, "account:disable", f"Party/{party}")

    async def enable(self, tx: Transaction, by: Principal, party: UUID) -> None:
        await self.account(tx, party)
        await store.run(tx, "party_enable", id=party)
        await self.audit(tx, by, "account:enable", f"Party/{party}")

    # --- what they did -----------------------------------------------------------------------

    async def audit(
        self, tx: Transaction, principal: Principal, action: str, resource: str | Resource, **detail: Any
    ) -> None:
        """Writes one row of the audit log with the transaction; `resource` is `Type/id`."""
        named = resource if isinstance(resource, str) else f"{resource.type}/{resource.id}"
        await audit_log.write(tx, self._clock.now(), principal, action=action, resource=named, detail=detail)

    async def audit_page(
        self,
        tx: Transaction,
        *,
        limit: int = 50,
        before: int | None = None,
        action: str | None = None,
        actor: UUID | None = None,
    ) -> list[AuditRow]:
        """Newest first; `before` is the id of the last row of the page before."""
        return await audit_log.page(
            tx, limit=min(limit, PAGE_ROWS_MAX), before=before, action=action, actor=actor
        )

    async def link_audit(self, tx: Transaction) -> int:
        """Links committed rows into the chain; for a timer of about a second. Returns how many."""
        return await audit_log.link(tx)

    async def verify_audit(self, tx: Transaction) -> AuditReport:
        """Recomputes the whole chain."""
        return await audit_log.verify(tx)

    async def audit_contains(self, tx: Transaction, head: str) -> bool:
        """Whether the chain has a row with the hash `head` (hexadecimal), as a head kept elsewhere."""
        return await audit_log.contains(tx, head)
