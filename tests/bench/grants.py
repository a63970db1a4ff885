"""The vault under measurement: a key, and grants for the calls of a run."""

import json
import os
import urllib.request
from urllib.parse import urlsplit

KEY = "sk-bench-0123456789abcdef0123456789abcdef"
ROOMY = {"monthly_spend": 3000000, "daily_spend": 2000000, "requests_per_minute": 1000000, "requests_per_day": 100000000,
         "tokens_per_request": 100000}


def _call(method: str, path: str, body: dict | None = None, token: str | None = None) -> dict:
    headers = {"content-type": "application/json", "authorization": f"Bearer {token or os.environ['LATCHKEY_OWNER_TOKEN']}"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(os.environ["LATCHKEY_URL"] + path, data, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=40) as answer:
        return json.loads(answer.read() or b"{}")


def okap_token(provider: str = "openai", model: str = "gpt-4o-mini", **limits: float) -> str:
    """A grant with every limit set, high enough not to end the run but for those given here."""
    keys = _call("GET", "/api/v1/provider-keys")["items"]
    if not any(key["provider"] == provider for key in keys):
        _call("POST", "/api/v1/provider-keys", {"provider": provider, "name": "Bench", "secret": KEY})
    ticket = _call("POST", "/api/v1/connect-tickets", {"label": "Bench", "ceiling": {
        "providers": [provider], "models": [model], "monthly_spend": "3000000", "days": 1,
        "requests_per_minute": 1000000, "requests_per_day": 100000000}})
    body = {"okap": "1.0", "client": {"name": "Bench"}, "authorization_details": [{
        "type": "ai_model_access", "provider": provider, "models": [model], "capabilities": ["chat"], "limits": ROOMY | limits}]}
    return _call("POST", "/okap/authorize", body, token=urlsplit(ticket["url"]).username)["token"]


def revoke_newest() -> None:
    """Ends the grant that was made last."""
    (newest,) = _call("GET", "/api/v1/grants?limit=1")["items"]
    _call("POST", f"/api/v1/grants/{newest['id']}/revoke", {})
