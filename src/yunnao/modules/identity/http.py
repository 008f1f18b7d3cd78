"""Signing in, tokens, accounts, departments and the audit log over HTTP."""

from base64 import b64decode
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from yunnao.infra.http import Authenticate, CurrentPrincipal, Tx, problem
from yunnao.infra.pages import Limit, decode_cursor, encode_cursor
from yunnao.infra.postgres import Transaction
from yunnao.kernel.errors import Forbidden, InvalidInput, NotFound, Unauthenticated
from yunnao.kernel.principal import ANONYMOUS, Principal
from yunnao.kernel.text import Text
from yunnao.modules.identity import contracts
from yunnao.modules.identity.contracts import CSRF_HEADER, SESSION_COOKIE
from yunnao.modules.identity.domain import TOKEN_PREFIX, is_account
from yunnao.modules.identity.facade import Identity

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
BIGINT_MAX = 2**63 - 1


class _View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class DepartmentName(_View):
    id: str
    name: Text


class SignedInAccount(_View):
    id: UUID
    account: str
    name: Text
    roles: list[str]
    department: DepartmentName | None


class SessionView(_View):
    account: SignedInAccount
    expires_at: datetime


class Credentials(BaseModel):
    account: str = Field(max_length=200)
    password: str = Field(max_length=1000)


class PasswordChange(BaseModel):
    old: str = Field(max_length=1000)
    new: str = Field(max_length=1000)


class TokenView(_View):
    id: UUID
    name: str
    expires_at: datetime
    created_at: datetime
    last_used_at: datetime | None


class NewToken(BaseModel):
    name: str = Field(min_length=1, max_length=100)
    expires_in_days: int = Field(30, ge=1, le=366)


class TokenMade(BaseModel):
    id: UUID
    name: str
    token: str = Field(description="Shown this once.")
    expires_at: datetime


class TokenList(BaseModel):
    items: list[TokenView]


class AccountView(SignedInAccount):
    kind: Literal["person", "system"]
    demo: bool
    disabled_at: datetime | None
    created_at: datetime


class AccountPage(BaseModel):
    items: list[AccountView]
    next: str | None


class AuditView(_View):
    id: int
    time: datetime
    actor: UUID | None = Field(validation_alias="actor_id")
    actor_name: Text
    action: str
    resource: str
    detail: dict[str, Any]


class AuditPage(BaseModel):
    items: list[AuditView]
    next: str | None


class DepartmentView(_View):
    id: str
    name: Text
    kind: str
    area: str | None
    parent: str | None


class DepartmentList(BaseModel):
    items: list[DepartmentView]


class DemoAccountView(_View):
    account: str
    name: Text
    role: str
    role_name: Text
    password: str


class DemoAccountList(BaseModel):
    items: list[DemoAccountView]


def authenticator(identity: Identity) -> Authenticate:
    """Who sends a request: `Authorization: Bearer ynk_…`, else the session's cookie.

    A cookie goes along unasked, so an unsafe method needs a header that no other site's page can
    send; without it the request is refused with Forbidden `csrf`.
    """

    async def authenticate(request: Request, tx: Transaction) -> Principal:
        token = _bearer(request)
        if token is not None:
            return await identity.authenticate(tx, token=token)
        cookie = request.cookies.get(SESSION_COOKIE)
        if cookie is None:
            return ANONYMOUS
        principal = await identity.authenticate(tx, session=cookie)
        guarded = request.method not in SAFE_METHODS and principal.kind != "anonymous"
        if guarded and request.headers.get(CSRF_HEADER) is None:
            raise Forbidden("csrf", header=CSRF_HEADER)
        return principal

    return authenticate


def router(identity: Identity, cookie_secure: bool | None = None) -> APIRouter:
    """`cookie_secure` None: as the request's scheme is."""
    api = APIRouter()
    _add_session(api, identity, cookie_secure)
    _add_tokens(api, identity)
    _add_directory(api, identity)
    return api


def _add_session(api: APIRouter, identity: Identity, cookie_secure: bool | None) -> None:
    @api.post("/session", response_model=SessionView, tags=["session"], summary="Sign in")
    async def sign_in(request: Request, response: Response, tx: Tx, body: Credentials) -> Any:
        address = request.client.host if request.client else "-"
        result = await identity.sign_in(tx, body.account, body.password, address)
        if isinstance(result, contracts.Refusal):
            return _refused(request, result)
        session, secret = result
        response.set_cookie(
            SESSION_COOKIE,
            secret,
            expires=session.expires_at,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https" if cookie_secure is None else cookie_secure,
        )
        return _session(session)

    @api.get("/session", tags=["session"], summary="Who is signed in")
    async def current(request: Request, tx: Tx, principal: CurrentPrincipal) -> SessionView:
        secret = _bearer(request) or request.cookies.get(SESSION_COOKIE) or ""
        return _session(await identity.session(tx, principal, secret))

    @api.delete("/session", status_code=204, tags=["session"], summary="Sign out")
    async def sign_out(request: Request, response: Response, tx: Tx, principal: CurrentPrincipal) -> None:
        cookie = request.cookies.get(SESSION_COOKIE)
        if cookie is not None and principal.kind != "anonymous":
            await identity.sign_out(tx, cookie)
        response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="lax")

    @api.put("/session/password", status_code=204, tags=["session"], summary="Change one's own password")
    async def change_password(
        request: Request, tx: Tx, principal: CurrentPrincipal, body: PasswordChange
    ) -> Response:
        """Every session of the account ends, this one too."""
        if principal.id is None:
            raise Unauthenticated("sign_in_required")
        address = request.client.host if request.client else "-"
        result = await identity.sign_in(tx, principal.account, body.old, address)
        if isinstance(result, contracts.Refusal):
            return _refused(request, result)
        await identity.set_password(tx, principal, principal.id, body.new)
        return Response(status_code=204)


def _add_tokens(api: APIRouter, identity: Identity) -> None:
    @api.get("/tokens", tags=["tokens"], summary="One's own API tokens, newest first")
    async def tokens(tx: Tx, principal: CurrentPrincipal) -> TokenList:
        identity.authorize(principal, "token:manage")
        found = await identity.tokens(tx, _id(principal))
        return TokenList(items=[TokenView.model_validate(token) for token in found])

    @api.post("/tokens", status_code=201, tags=["tokens"], summary="Make an API token")
    async def make(request: Request, tx: Tx, principal: CurrentPrincipal, body: NewToken) -> TokenMade:
        """Only from a session: a stolen token cannot outlive itself."""
        identity.authorize(principal, "token:manage")
        if _bearer(request) is not None:
            raise Forbidden("token_makes_no_token")
        lasts = timedelta(days=body.expires_in_days)
        token, secret = await identity.make_token(tx, principal, _id(principal), body.name, lasts)
        return TokenMade(id=token.id, name=token.name, token=secret, expires_at=token.expires_at)

    @api.delete("/tokens/{token_id}", status_code=204, tags=["tokens"], summary="End an API token")
    async def drop(tx: Tx, principal: CurrentPrincipal, token_id: UUID) -> None:
        identity.authorize(principal, "token:manage")
        await identity.drop_token(tx, principal, token_id)


def _add_directory(api: APIRouter, identity: Identity) -> None:
    @api.get("/accounts", tags=["accounts"], summary="Accounts, by name (administrator)")
    async def accounts(
        tx: Tx, principal: CurrentPrincipal, limit: Limit = 50, cursor: str | None = None
    ) -> AccountPage:
        identity.authorize(principal, "account:list")
        found = await identity.accounts(tx, limit=limit, after=_account_key(cursor))
        await identity.audit(tx, principal, "account:list", "Platform/accounts", rows=len(found))
        return AccountPage(
            items=[
                AccountView(
                    **_account(one).model_dump(),
                    kind=one.kind,
                    demo=one.demo,
                    disabled_at=one.disabled_at,
                    created_at=one.created_at,
                )
                for one in found
            ],
            next=encode_cursor(found[-1].account) if len(found) == limit else None,
        )

    @api.get("/audit", tags=["audit"], summary="The audit log, newest first (administrator)")
    async def audit(
        tx: Tx,
        principal: CurrentPrincipal,
        limit: Limit = 50,
        cursor: str | None = None,
        action: Annotated[str | None, Query(pattern=r"^[a-z0-9]+:[a-z_]+$", max_length=100)] = None,
    ) -> AuditPage:
        identity.authorize(principal, "audit:read")
        found = await identity.audit_page(tx, limit=limit, before=_row_key(cursor), action=action)
        await identity.audit(tx, principal, "audit:read", "Platform/audit", rows=len(found))
        return AuditPage(
            items=[AuditView.model_validate(row) for row in found],
            next=encode_cursor(found[-1].id) if len(found) == limit else None,
        )

    @api.get("/departments", tags=["geography"], summary="Departments that can be made responsible")
    async def departments(tx: Tx) -> DepartmentList:
        found = await identity.departments(tx)
        return DepartmentList(items=[DepartmentView.model_validate(one) for one in found])

    @api.get("/demo/accounts", tags=["session"], summary="Accounts to try with (demo mode only)")
    def demo() -> DemoAccountList:
        found = identity.demo_accounts()
        if found is None:
            raise NotFound("not_found")
        return DemoAccountList(items=[DemoAccountView.model_validate(one) for one in found])


def _bearer(request: Request) -> str | None:
    """The token of the header; with `Basic` it is the password, for clients that know no other scheme."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if scheme.lower() != "basic":
        return None
    try:
        password = b64decode(given, validate=True).decode().partition(":")[2]
    except ValueError:
        return None
    # Another password is of a proxy before us, and says nothing here.
    return password if password.startswith(TOKEN_PREFIX) else None


def _id(principal: Principal) -> UUID:
    if principal.id is None:
        raise Unauthenticated("sign_in_required")
    return principal.id


def _account_key(cursor: str | None) -> str | None:
    key = decode_cursor(cursor)
    if key is None or (isinstance(key, str) and is_account(key)):
        return key
    raise InvalidInput("cursor_invalid")


def _row_key(cursor: str | None) -> int | None:
    key = decode_cursor(cursor)
    if key is None or (type(key) is int and 0 < key <= BIGINT_MAX):
        return key
    raise InvalidInput("cursor_invalid")


def _refused(request: Request, refusal: contracts.Refusal) -> Response:
    answer: Response = problem(request, refusal.status, refusal.code, **refusal.params)
    if "retry_after_s" in refusal.params:
        answer.headers["Retry-After"] = str(refusal.params["retry_after_s"])
    return answer


def _account(account: contracts.Account) -> SignedInAccount:
    department = None
    if account.department is not None and account.department_name is not None:
        department = DepartmentName(id=account.department, name=account.department_name)
    return SignedInAccount(
        id=account.id,
        account=account.account,
        name=account.name,
        roles=list(account.roles),
        department=department,
    )


def _session(session: contracts.Session) -> SessionView:
    return SessionView(account=_account(session.account), expires_at=session.expires_at)
