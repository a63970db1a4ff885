"""What the vault's pages tell browsers, and where tokens and codes of a hand-over are not."""

import base64
import hashlib
import json
import secrets
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest

import running
import sinks
from person import Person
from vault import Organization, detail
from waiting import until

PAGES = ["/inbox", "/grants", "/provider-keys", "/connect", "/apps", "/usage", "/account"]
STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "form-action": "'self'",
}
CALLBACK = "http://127.0.0.1:9/back"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture
def person(organization: Organization) -> Person:
    organization.key("openai")
    return Person(organization)


def policy_of(page: httpx.Response) -> dict[str, str]:
    policies = page.headers.get_list("content-security-policy")
    assert len(policies) == 1, policies
    return dict(part.strip().split(" ", 1) for part in policies[0].split(";"))


def asked_with_callback(organization: Organization) -> dict:
    handle = httpx.URL(organization.handle()).username
    client = {"name": "Page test", "callback": CALLBACK}
    body = {"okap": "1.0", "authorization_details": [detail()], "client": client}
    return organization.app.post("/okap/authorize", json=body, auth=(handle, "")).json()


def is_guarded(page: httpx.Response) -> None:
    headers = page.headers
    assert headers["x-frame-options"] == "DENY" and headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer" and "no-store" in headers["cache-control"]


def test_every_page_has_the_strict_policy_and_is_shown_in_no_frame(person: Person) -> None:
    shown = 0
    for path in PAGES:
        page = person.http.get(path, follow_redirects=True)
        is_guarded(page)
        assert policy_of(page) == STRICT, path
        shown += page.status_code == 200
    assert shown >= 4, "most of these pages are there"
    missing = person.http.get("/no-such-page")
    assert missing.status_code == 404 and policy_of(missing) == STRICT
    is_guarded(missing)


def test_only_the_page_of_a_request_may_lead_a_form_to_its_checked_callback(organization: Organization, person: Person) -> None:
    asked = asked_with_callback(organization)
    page = person.http.get(f"/requests/{asked['request_id']}")
    is_guarded(page)
    assert policy_of(page) == STRICT | {"form-action": "'self' http://127.0.0.1:9"}
    assert policy_of(person.http.get("/inbox")) == STRICT


def test_a_session_is_in_a_cookie_that_scripts_and_other_sites_do_not_get(organization: Organization) -> None:
    signed_in = Person(organization)
    page = httpx.get(organization.api.base_url.join("/sign-in"), headers={"accept": "text/html"})
    assert "set-cookie" not in page.headers, "who is not signed in gets none"
    (cookie,) = signed_in.http.cookies.jar
    assert cookie.has_nonstandard_attr("HttpOnly") and cookie.get_nonstandard_attr("SameSite") == "Lax"
    assert cookie.path == "/" and not cookie.domain_specified
    # Browsers take the `__Host-` name and the Secure flag from https alone; this vault is on http.
    assert cookie.secure == running.url().startswith("https:")
    assert cookie.expires is None, "it goes with the browser"


def test_the_hand_over_leaves_no_code_and_no_token_in_a_log(organization: Organization, person: Person) -> None:
    asked = asked_with_callback(organization)
    answer = person.approve(f"/requests/{asked['request_id']}")
    # No referrer either: the policy of the page whose form this was goes along with the redirect.
    assert answer.status_code == 303, answer.text
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    secret = asked["poll_secret"]
    redeemed = organization.app.post(
        f"/okap/requests/{asked['request_id']}", json={"code": code}, headers={"authorization": f"Bearer {secret}"}
    )
    token = redeemed.json()["token"]
    session = next(iter(person.http.cookies.jar)).value
    logs = list(sinks.files())
    assert any(b"http.status" in log for _, log in logs), "there are logs"
    for name, log in logs:
        for what in (code, secret, token, session, organization.token):
            assert what.encode() not in log, f"{name} has a secret of the hand-over"


def posted(organization: Organization, path: str, form: dict, status: int = 200) -> dict:
    answer = organization.app.post(path, data=form)
    assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text}"
    return answer.json()


def pushed_and_redeemed(organization: Organization, person: Person, proof: dict) -> dict[str, str]:
    """The secrets of a pushed request, its code, and its tokens; each has also been used where it is refused."""
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    wanted = {"response_type": "code", "redirect_uri": CALLBACK, "authorization_details": json.dumps([detail()])}
    wanted |= {"code_challenge": challenge, "code_challenge_method": "S256"}
    pushed = posted(organization, "/oauth/par", wanted | proof, 201)["request_uri"]
    page = person.http.get("/oauth/authorize", params={"client_id": proof["client_id"], "request_uri": pushed})
    code = parse_qs(urlsplit(person.approve(page.headers["location"]).headers["location"]).query)["code"][0]
    redeem = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code": code, "code_verifier": verifier}
    posted(organization, "/oauth/token", redeem | proof | {"client_secret": proof["client_secret"] + "x"}, 401)
    first = posted(organization, "/oauth/token", redeem | proof)
    renew = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = posted(organization, "/oauth/token", renew | proof)
    posted(organization, "/oauth/token", renew | proof, 400)
    posted(organization, "/oauth/token", redeem | proof, 400)
    told = {"request_uri": pushed, "code": code, "code_verifier": verifier}
    told |= {f"first {kind}": first[kind] for kind in ("access_token", "refresh_token")}
    return told | {f"second {kind}": second[kind] for kind in ("access_token", "refresh_token")}


def asked_for_by_a_device(organization: Organization, person: Person, proof: dict) -> dict[str, str]:
    """The secrets of a device, whose person entered its code."""
    begun = posted(organization, "/oauth/device_authorization", {"authorization_details": json.dumps([detail()])} | proof)
    form = person.form(f"/device?user_code={begun['user_code']}", "/device")
    assert person.approve(person.send("/device", form).headers["location"]).status_code == 303
    redeem = {"grant_type": DEVICE, "device_code": begun["device_code"]}
    token = posted(organization, "/oauth/token", redeem | proof)["access_token"]
    posted(organization, "/oauth/token", redeem | proof, 400)
    typed = begun["user_code"]
    told = {"device_code": begun["device_code"], "user_code": typed, "user_code without its hyphen": typed.replace("-", "")}
    return told | {"token of a device": token}


def used_ticket(organization: Organization) -> str:
    """A connect ticket that was used twice."""
    ticket = httpx.URL(organization.ticket("openai")).username
    body = {"okap": "1.0", "authorization_details": [detail()], "client": {"name": "Page test"}}
    for status in (200, 202):
        answer = organization.app.post("/okap/authorize", json=body, auth=(ticket, ""), headers={"prefer": "wait=0"})
        assert answer.status_code == status, answer.text
    return ticket


def test_no_secret_of_oauth_and_no_ticket_lies_in_a_log(organization: Organization, person: Person) -> None:
    types = ["authorization_code", "refresh_token", DEVICE]
    app = {"name": "Page test", "redirect_uris": [CALLBACK], "grant_types": types, "token_endpoint_auth_method": "client_secret_post"}
    registered = organization.post("/apps", app)
    proof = {name: registered[name] for name in ("client_id", "client_secret")}
    hidden = pushed_and_redeemed(organization, person, proof) | asked_for_by_a_device(organization, person, proof)
    hidden |= {"client_secret": proof["client_secret"], "connect ticket": used_ticket(organization)}
    beginnings = {"second refresh_token": "ort_", "connect ticket": "ct_", "request_uri": "urn:"}
    assert all(hidden[what].startswith(beginning) for what, beginning in beginnings.items())
    for route in (b"/oauth/par", b"/oauth/authorize", b"/oauth/token", b"/oauth/device_authorization", b"/device"):
        until(f"{route} in the logs", lambda: any(route in log for _, log in sinks.files()))
    for name, log in sinks.files():
        for what, secret in hidden.items():
            assert secret.encode() not in log, f"{name} has the {what}"
            # In an address it would be written so.
            assert quote(secret, safe="").encode() not in log, f"{name} has the {what}"
