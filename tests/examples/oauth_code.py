"""A program on a person's own computer asks for access with OAuth: pushed request, PKCE, loopback redirect."""

import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from authlib.common.security import generate_token
from authlib.integrations.httpx_client import OAuth2Client
from openai import OpenAI

VAULT = os.environ["LATCHKEY_URL"]  # https://vault.example.com
CLIENT_ID = os.environ["LATCHKEY_CLIENT_ID"]  # app_…
WANTED = [
    {
        "type": "ai_model_access",
        "provider": "sandbox",
        "models": ["sandbox-echo"],
        "capabilities": ["chat"],
        "reason": "To try out the sandbox.",
    }
]


class Callback(BaseHTTPRequestHandler):
    came_back = ""

    def do_GET(self) -> None:
        Callback.came_back = self.path
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"Done. You can close this window.")

    def log_message(self, *_) -> None:
        """A code is not for a log."""


# Registered as http://127.0.0.1/callback; the port of a loopback address is free.
server = HTTPServer(("127.0.0.1", 0), Callback)
redirect_uri = f"http://127.0.0.1:{server.server_port}/callback"

vault = httpx.get(f"{VAULT}/.well-known/oauth-authorization-server").raise_for_status().json()
app = OAuth2Client(CLIENT_ID, redirect_uri=redirect_uri, token_endpoint_auth_method="none", code_challenge_method="S256")
verifier = generate_token(64)
url, state = app.create_authorization_url(
    vault["authorization_endpoint"], code_verifier=verifier, authorization_details=json.dumps(WANTED)
)

# The browser brings a reference only: nothing can be changed on the way, and no address is too long.
asked = dict(parse_qs(urlsplit(url).query))
pushed = httpx.post(vault["pushed_authorization_request_endpoint"], data=asked).raise_for_status().json()
query = urlencode({"client_id": CLIENT_ID, "request_uri": pushed["request_uri"]})
print(f"Open {vault['authorization_endpoint']}?{query}", flush=True)
server.handle_request()

# Who answered? (RFC 9207)
if parse_qs(urlsplit(Callback.came_back).query).get("iss") != [vault["issuer"]]:
    raise SystemExit("this answer is not the vault's")
came_back = f"http://127.0.0.1:{server.server_port}{Callback.came_back}"
token = app.fetch_token(vault["token_endpoint"], authorization_response=came_back, code_verifier=verifier, state=state)
granted = token["authorization_details"][0]  # perhaps less than was asked

# An access token lasts an hour; a refresh token is good once.
token = app.refresh_token(vault["token_endpoint"], refresh_token=token["refresh_token"])
model = OpenAI(api_key=token["access_token"], base_url=granted["base_url"])
answer = model.chat.completions.create(model="sandbox-echo", messages=[{"role": "user", "content": "Hello from Authlib"}])
print(answer.choices[0].message.content)

# Nothing is left behind.
app.revoke_token(vault["revocation_endpoint"], token=token["access_token"])
