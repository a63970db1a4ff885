"""What the vault's pages tell browsers, and where tokens and codes of a hand-over are not."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

import running
import sinks
from person import Person
from vault import Organization, detail

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
