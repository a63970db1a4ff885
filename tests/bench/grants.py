"""The vault under measurement: a key, and grants for the calls of a run."""

import json
import os
import urllib.request
from urllib.parse import urlencode, urlsplit

KEY = "sk-bench-0123456789abcdef0123456789abcdef"
ROOMY = {"monthly_spend": 3000000, "daily_spend": 2000000, "requests_per_minute": 1000000, "requests_per_day": 100000000,
         "tokens_per_request": 100000}


def _call(method: str, path: str, body: dict | None = None, token: str | None = None) -> dict:
    headers = {"content-type": "application/json", "authorization": f"Bearer {token or os.environ['LATCHKEY_OWNER_TOKEN']}"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(os.environ["LATCHKEY_URL"] + path, data, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=40) as answer:
        return json.loads(answer.read() or b"{}")


def okap_token(provider: str = "openai", model: str = "gpt-4o-mini", owner: str | None = None, **limits: float) -> str:
    """A grant with every limit set, high enough not to end the run but for those given here."""
    keys = _call("GET", "/api/v1/provider-keys", token=owner)["items"]
    if not any(key["provider"] == provider for key in keys):
        _call("POST", "/api/v1/provider-keys", {"provider": provider, "name": "Bench", "secret": KEY}, owner)
    ticket = _call("POST", "/api/v1/connect-tickets", {"label": "Bench", "ceiling": {
        "providers": [provider], "models": [model], "monthly_spend": "3000000", "days": 1,
        "requests_per_minute": 1000000, "requests_per_day": 100000000}}, owner)
    body = {"okap": "1.0", "client": {"name": "Bench"}, "authorization_details": [{
        "type": "ai_model_access", "provider": provider, "models": [model], "capabilities": ["chat"], "limits": ROOMY | limits}]}
    return _call("POST", "/okap/authorize", body, token=urlsplit(ticket["url"]).username)["token"]


def revoke_newest() -> None:
    """Ends the grant that was made last."""
    (newest,) = _call("GET", "/api/v1/grants?limit=1")["items"]
    _call("POST", f"/api/v1/grants/{newest['id']}/revoke", {})


def child_token(token: str) -> str:
    """A grant that its app makes from its own (RFC 8693), with the same limits."""
    kind = "urn:ietf:params:oauth:token-type:access_token"
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token": token, "subject_token_type": kind}
    request = urllib.request.Request(f"{os.environ['LATCHKEY_URL']}/oauth/token", urlencode(form).encode())
    with urllib.request.urlopen(request, timeout=40) as answer:
        return json.loads(answer.read())["access_token"]


def set_budgets(owner: str) -> int:
    """Roomy budgets of every scope that covers an OKAP client; gives how many limits these are."""
    (person,) = _call("GET", "/api/v1/members", token=owner)["items"]
    scopes = [{"scope": "organization"}, {"scope": "user", "user_id": person["id"]}, {"scope": "provider", "provider": "openai"}]
    for scope in scopes:
        _call("POST", "/api/v1/budgets", scope | {"monthly_spend": "3000000", "daily_spend": "2000000"}, owner)
    return 2 * len(scopes)


def set_alias(owner: str) -> None:
    """A model alias: the vault then looks up more for each token than its grant."""
    candidates = [{"model": "openai/gpt-4o-mini"}]
    _call("POST", "/api/v1/model-aliases", {"name": "bench", "candidates": candidates}, owner)
