"""Requests that the vault says yes to, one maker for each route where chance alone never finds such a one."""

import json
import secrets
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import httpx

import running
from person import Person
from right_management import RightManagement
from right_request import CALLBACK, Right, call
from vault import Organization, detail

PAGE = "https://page.fuzz.test"
TYPE = "urn:ietf:params:oauth:grant-type:"
GRANT_TYPES = ["authorization_code", "refresh_token", f"{TYPE}device_code", f"{TYPE}token-exchange"]
# After so many uses of one request there is a new one: most of what is in it counts once.
NEW_EVERY = 12


def code_in(address: str) -> str:
    return parse_qs(urlsplit(address).query)["code"][0]


class RightRequests:
    """Of one organization, whose owner says yes to whatever an app of all grant types asks for."""

    def __init__(self, organization: Organization) -> None:
        self.organization = organization
        organization.key("openai")
        self.owner = {"authorization": f"Bearer {organization.token}"}
        self.browser = Person(organization)
        registered = {"name": "Fuzz", "redirect_uris": [CALLBACK], "grant_types": GRANT_TYPES}
        self.client = organization.post("/apps", registered)["client_id"]
        self.verifier = secrets.token_urlsafe(48)
        self.used: Counter[str] = Counter()
        self.known: dict[str, Right] = {}
        self.makers: dict[str, Callable[[], Right]] = {
            "GET /oauth/authorize": lambda: Right(query=self._asking(), headers=self.owner),
            "POST /oauth/par": lambda: Right(body=self._asking()),
            "POST /oauth/device_authorization": lambda: Right(body=self._device()),
            "POST /oauth/token": lambda: Right(body=self._token_form()),
            "POST /oauth/introspect": lambda: Right(body=self._in_hand()),
            "POST /oauth/revoke": lambda: Right(body=self._in_hand()),
            "POST /oauth/register": self._registration,
            "GET /oauth/register/{client_id}": self._registered,
            "DELETE /oauth/register/{client_id}": self._registered,
            "POST /okap/authorize": self._knock,
            "POST /v/{handle}/okap/authorize": self._knock,
            "POST /okap/requests/{id}": self._redemption,
            "POST /okap/popup/requests": lambda: Right(headers=self._script(), body=self._asked_by_page()),
            "POST /okap/popup/requests/{id}/collect": lambda: self._popup(decided=True),
            "POST /okap/popup/requests/{id}/give-up": lambda: self._popup(decided=False),
        }
        self.makers |= RightManagement(Organization.fresh()).makers

    def some(self, route: str) -> Right:
        """A right request of this route; now and then a new one."""
        if self.used[route] % NEW_EVERY == 0:
            self.known[route] = self.makers[route]()
        self.used[route] += 1
        return self.known[route]

    def _make_room(self) -> None:
        for waiting in self.organization.pending():
            self.organization.post(f"/requests/{waiting['id']}/deny", {}, status=204)

    def _approve(self, request: str) -> str | None:
        return self.organization.post(f"/requests/{request}/approve", {}, status=200).get("redirect_to")

    # OAuth

    def _asking(self) -> dict[str, str]:
        self._make_room()
        challenge = urlsafe_b64encode(sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        return {
            "client_id": self.client,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "authorization_details": json.dumps([detail()]),
            # Another state is another request.
            "state": secrets.token_hex(4),
        }

    def _code_form(self) -> dict[str, str]:
        page = call("GET", "/oauth/authorize", 303, params=self._asking(), headers=self.owner).headers["location"]
        back = self._approve(page.rsplit("/", 1)[1])
        assert back is not None
        return {
            "grant_type": "authorization_code",
            "client_id": self.client,
            "code": code_in(back),
            "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
        }

    def _tokens(self) -> dict:
        return call("POST", "/oauth/token", 200, data=self._code_form()).json()

    def _device(self) -> dict[str, str]:
        return {"client_id": self.client, "authorization_details": json.dumps([detail()])}

    def _device_form(self) -> dict[str, str]:
        begun = call("POST", "/oauth/device_authorization", 200, data=self._device()).json()
        address = urlsplit(begun["verification_uri_complete"])
        form = self.browser.form(f"{address.path}?{address.query}", "/device")
        page = self.browser.send("/device", form).headers["location"]
        self._approve(page.rsplit("/", 1)[1])
        return {"grant_type": f"{TYPE}device_code", "client_id": self.client, "device_code": begun["device_code"]}

    def _refresh_form(self) -> dict[str, str]:
        return {"grant_type": "refresh_token", "client_id": self.client, "refresh_token": self._tokens()["refresh_token"]}

    def _exchange_form(self) -> dict[str, str]:
        return {
            "grant_type": f"{TYPE}token-exchange",
            "client_id": self.client,
            "subject_token": self._tokens()["access_token"],
            "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        }

    def _token_form(self) -> dict[str, str]:
        forms = [self._code_form, self._refresh_form, self._device_form, self._exchange_form]
        return forms[self.used["POST /oauth/token"] // NEW_EVERY % len(forms)]()

    def _in_hand(self) -> dict[str, str]:
        return {"client_id": self.client, "token": self._tokens()["access_token"]}

    def _registration(self) -> Right:
        # An organization has so many tokens and apps at most, and what is right is tried often.
        for app in self.organization.get("/apps")["items"]:
            if app["self_registered"]:
                self.organization.api.delete(f"/apps/{app['id']}")
        for token in self.organization.get("/registration-tokens")["items"]:
            self.organization.api.delete(f"/registration-tokens/{token['id']}")
        made = self.organization.post("/registration-tokens", {"label": "Fuzz", "registrations": 100})
        bearer = {"authorization": f"Bearer {made['registration_token']}"}
        return Right(headers=bearer, body={"client_name": "Fuzz", "redirect_uris": [CALLBACK]})

    def _registered(self) -> Right:
        right = self._registration()
        app = call("POST", "/oauth/register", 201, headers=right.headers, json=right.body).json()
        return Right(
            path={"client_id": app["client_id"]},
            headers={"authorization": f"Bearer {app['registration_access_token']}"},
        )

    # OKAP

    def _handle(self) -> str:
        for handle in self.organization.get("/handles")["items"]:
            self.organization.api.delete(f"/handles/{handle['id']}")
        self._make_room()
        return httpx.URL(self.organization.handle()).username

    def _knock(self) -> Right:
        """At a handle whose person decides nothing."""
        handle = self._handle()
        headers = {"authorization": f"Bearer {handle}", "prefer": "wait=0"}
        return Right({"handle": handle}, headers=headers, body=self._asked())

    def _redemption(self) -> Right:
        """A code that came to an app's callback, with the secret of who asked."""
        credentials = (self._handle(), "")
        asked = call("POST", "/okap/authorize", 202, auth=credentials, json=self._asked(callback=CALLBACK)).json()
        back = self._approve(asked["request_id"])
        assert back is not None
        bearer = {"authorization": f"Bearer {asked['poll_secret']}"}
        return Right({"id": asked["request_id"]}, headers=bearer, body={"code": code_in(back)})

    def _script(self) -> dict[str, str]:
        """What the popup's script sends along with everything."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.browser.http.cookies.items())
        csrf = call("GET", "/session", 200, headers={"cookie": cookie}).json()["csrf_token"]
        return {"cookie": cookie, "x-csrf-token": csrf, "origin": running.url()}

    @staticmethod
    def _asked(**client: str) -> dict:
        return {"okap": "1.0", "authorization_details": [detail()], "client": {"name": "Fuzz"} | client}

    def _asked_by_page(self) -> dict:
        return {"origin": PAGE, "request": self._asked()}

    def _popup(self, decided: bool) -> Right:
        script = self._script()
        asked = call("POST", "/okap/popup/requests", 201, headers=script, json=self._asked_by_page()).json()
        if decided:
            self._approve(asked["id"])
        return Right({"id": asked["id"]}, headers=script)
