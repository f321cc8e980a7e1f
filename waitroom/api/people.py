"""Who may look after the rooms: accounts and API tokens. For owners of all rooms."""

from quart import Response

from waitroom.accounts.account import Account
from waitroom.accounts.guard import accounts, who
from waitroom.api.asking import answer, body, if_match, if_match_header, no_content, query
from waitroom.api.blueprint import api, describe
from waitroom.api.models.people import (
    AccountChange,
    AccountsAudit,
    AccountsAuditQuery,
    AllAccounts,
    AllTokens,
    Invitation,
    NewAccount,
    NewApiToken,
    NewLink,
    TokenMade,
)

_ABOUT = "Accounts and tokens"
_IF_MATCH = if_match_header("the account, which is its version,")


@api.get("/tokens")
@describe(_ABOUT, answers=AllTokens)
async def list_tokens() -> Response:
    """List the API tokens, by name.

    Those that no longer count too; never their values.
    """
    return answer(AllTokens(tokens=await accounts().tokens.list(who())))


@api.post("/tokens")
@describe(_ABOUT, answers=TokenMade, status=201, body=NewApiToken, refuses=(409,))
async def make_token() -> Response:
    """Make an API token.

    Its value is in this answer only; what is kept cannot be turned back into it.
    """
    given = await body(NewApiToken)
    made = await accounts().tokens.make(
        who(), given.name, given.role, rooms=given.rooms, life_s=given.life_s
    )
    return answer(TokenMade(value=made.value, token=made.token), 201)


@api.delete("/tokens/<token>")
@describe(
    _ABOUT,
    status=204,
    headers=if_match_header("the token, which is its version,"),
    refuses=(404, 412),
)
async def revoke_token(token: str) -> Response:
    """Revoke an API token, at once and for good."""
    await accounts().tokens.revoke(who(), token, version=if_match())
    return no_content()


@api.get("/accounts")
@describe(_ABOUT, answers=AllAccounts)
async def list_accounts() -> Response:
    """List the accounts, by name."""
    return answer(AllAccounts(accounts=await accounts().accounts(who())))


@api.post("/accounts")
@describe(_ABOUT, answers=Invitation, status=201, body=NewAccount, refuses=(409,))
async def invite() -> Response:
    """Make an account.

    Whoever gets the link in this answer sets its password; it counts once and not for long.
    """
    given = await body(NewAccount)
    link = await accounts().invite(who(), given.name, given.role, given.rooms)
    return answer(Invitation(name=link.name, value=link.value, until_ms=link.until_ms), 201)


@api.put("/accounts/<account>")
@describe(_ABOUT, answers=Account, body=AccountChange, headers=_IF_MATCH, refuses=(404, 409, 412))
async def change_account(account: str) -> Response:
    """Give an account another role or other rooms.

    Its sign-ins end. The last owner of all rooms stays one.
    """
    given = await body(AccountChange)
    found = await accounts().change(who(), account, given.role, given.rooms, version=if_match())
    return answer(found, ETag=f'"{found.version}"')


@api.post("/accounts/<account>/link")
@describe(_ABOUT, answers=Invitation, status=201, body=NewLink, refuses=(404,))
async def new_link(account: str) -> Response:
    """Make a link for a new password.

    Until it is used, the old password counts. It counts once and not for long.
    """
    given = await body(NewLink)
    link = await accounts().reset_link(who(), account, drop_totp=given.drop_totp)
    return answer(Invitation(name=link.name, value=link.value, until_ms=link.until_ms), 201)


@api.get("/accounts-audit")
@describe(_ABOUT, answers=AccountsAudit, query=AccountsAuditQuery)
async def accounts_audit() -> Response:
    """Read who changed what of accounts and API tokens, newest first."""
    shown = query(AccountsAuditQuery)
    rows = await accounts().audit(who(), before=shown.before, limit=shown.count)
    return answer(AccountsAudit(rows=rows))


@api.delete("/accounts/<account>")
@describe(_ABOUT, status=204, headers=_IF_MATCH, refuses=(404, 409, 412))
async def delete_account(account: str) -> Response:
    """Delete an account.

    Its sign-ins and the API tokens that it made end.
    """
    await accounts().delete(who(), account, version=if_match())
    return no_content()
