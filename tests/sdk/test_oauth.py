"""OAuth 2.1 with a standard client library (Authlib): code, PKCE, rich authorization requests; the browser part is a
signed-in HTTP session that posts the consent form."""

import json
import secrets
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from openai import AuthenticationError, OpenAI

import running
from person import Person
from vault import Organization, detail, some_machine

CALLBACK = "https://recipes.test/callback"
HELLO = [{"role": "user", "content": "Say hello."}]


class App:
    """A registered app and one attempt of it to get access."""

    def __init__(self, organization: Organization) -> None:
        organization.key("openai")
        organization.key("anthropic")
        registered = organization.post("/apps", {"name": "Recipes", "redirect_uris": [CALLBACK]})
        self.client_id = registered["client_id"]
        self.metadata = httpx.get(f"{running.url()}/.well-known/oauth-authorization-server").json()
        self.library = OAuth2Client(
            self.client_id,
            redirect_uri=CALLBACK,
            code_challenge_method="S256",
            token_endpoint_auth_method="none",
        )
        self.verifier = secrets.token_urlsafe(48)
        self.details = [detail("openai", limits={"monthly_spend": 3}), detail("anthropic", limits={"monthly_spend": 2})]

    def url(self, **changes: str | None) -> str:
        endpoint = self.metadata["authorization_endpoint"]
        url, self.state = self.library.create_authorization_url(
            endpoint,
            code_verifier=self.verifier,
            authorization_details=json.dumps(self.details),
        )
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()} | changes
        return f"{endpoint}?{httpx.QueryParams({n: v for n, v in query.items() if v is not None})}"

    def consent(self, person: Person, **changes: str) -> str:
        """Where the browser is sent after the person approved."""
        to_page = person.http.get(self.url())
        assert to_page.status_code == 303, to_page.text
        answer = person.approve(to_page.headers["location"], **changes)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def token(self, back: str, **changes: str) -> dict:
        given = {"code_verifier": self.verifier, "state": self.state} | changes
        return self.library.fetch_token(self.metadata["token_endpoint"], authorization_response=back, **given)


@pytest.fixture
def app(organization: Organization) -> App:
    return App(organization)


@pytest.fixture
def person(organization: Organization) -> Person:
    return Person(organization)


def code_in(back: str) -> str:
    return parse_qs(urlsplit(back).query)["code"][0]


def chat(token: dict) -> str:
    told = next(d for d in token["authorization_details"] if d["provider"] == "openai")
    client = OpenAI(api_key=token["access_token"], base_url=told["base_url"], max_retries=0)
    return client.chat.completions.create(model="gpt-4o-mini", messages=HELLO).choices[0].message.content or ""


def test_metadata_says_what_is_offered(app: App) -> None:
    assert app.metadata["issuer"] == running.url()
    assert app.metadata["code_challenge_methods_supported"] == ["S256"]
    assert app.metadata["authorization_details_types_supported"] == ["ai_model_access"]


def test_two_providers_are_one_redirect_one_token_and_what_was_narrowed(app: App, person: Person) -> None:
    back = app.consent(person, **{"d0.monthly_spend": "1.25"})
    query = parse_qs(urlsplit(back).query)
    assert back.startswith(CALLBACK) and query["iss"] == [running.url()] and query["state"] == [app.state]
    token = app.token(back)
    assert token["token_type"] == "Bearer" and token["access_token"].startswith("okap_") and token["expires_in"] > 0
    assert [d["provider"] for d in token["authorization_details"]] == ["openai", "anthropic"]
    assert [d["limits"]["monthly_spend"] for d in token["authorization_details"]] == [1.25, 2]
    assert chat(token)


def test_who_is_not_signed_in_signs_in_first_and_comes_back(app: App) -> None:
    answer = httpx.get(app.url(), headers={"accept": "text/html"})
    assert answer.status_code == 303
    location = urlsplit(answer.headers["location"])
    assert location.path == "/sign-in" and parse_qs(location.query)["next"][0].startswith("/oauth/authorize?")


def test_a_reloaded_consent_page_is_the_same_request(app: App, person: Person, organization: Organization) -> None:
    url = app.url()
    assert person.http.get(url).headers["location"] == person.http.get(url).headers["location"]
    assert len(organization.pending()) == 1


def test_a_denial_comes_back_with_issuer_and_state_and_without_a_code(app: App, person: Person) -> None:
    path = person.http.get(app.url()).headers["location"]
    answer = person.send(f"{path}/deny", person.form(path, "/deny"))
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert (query["error"], query["iss"], query["state"]) == (["access_denied"], [running.url()], [app.state])
    assert "code" not in query


def test_a_code_that_comes_twice_takes_its_token_with_it(app: App, person: Person) -> None:
    back = app.consent(person)
    token = app.token(back)
    assert chat(token)
    with pytest.raises(OAuthError) as refused:
        app.token(back)
    assert refused.value.error == "invalid_grant"
    with pytest.raises(AuthenticationError) as revoked:
        chat(token)
    assert revoked.value.type == "token_revoked"


@pytest.mark.parametrize(
    "wrong",
    [
        {"code_verifier": "x" * 43},
        {"code_verifier": "short"},
        {"redirect_uri": "https://recipes.test/other"},
        {"client_id": "app_00000000000070008000000000000000"},
        {"code": "A" * 50},
        {"grant_type": "client_credentials"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_code_is_worth_nothing_without_what_it_was_made_for(app: App, person: Person, wrong: dict) -> None:
    code = code_in(app.consent(person))
    good = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": app.verifier,
        "client_id": app.client_id,
        "redirect_uri": CALLBACK,
    }
    with httpx.Client(transport=some_machine()) as http:
        refused = http.post(app.metadata["token_endpoint"], data=good | wrong)
        assert refused.status_code in (400, 401) and refused.json()["error"]
        assert http.post(app.metadata["token_endpoint"], data=good).status_code == 200


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.test/callback",
        "https://recipes.test/callback/",
        "https://recipes.test/callback?x=1",
        "http://recipes.test/callback",
        "https://recipes.test.evil.test/callback",
        "https://recipes.test@evil.test/callback",
        "javascript:alert(1)",
        "//evil.test",
        None,
    ],
)
def test_nothing_is_sent_to_a_redirect_uri_that_is_not_registered(app: App, person: Person, uri: str | None) -> None:
    answer = person.http.get(app.url(redirect_uri=uri))
    assert answer.status_code == 400 and "location" not in answer.headers


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"authorization_details": None}, "invalid_authorization_details"),
        ({"authorization_details": "{"}, "invalid_authorization_details"),
        ({"authorization_details": '[{"type":"payment"}]'}, "invalid_authorization_details"),
        ({"prompt": "none"}, "interaction_required"),
    ],
)
def test_other_mistakes_go_back_to_the_app_with_issuer_and_state(app: App, person: Person, change: dict, error: str) -> None:
    answer = person.http.get(app.url(**change))
    assert answer.status_code == 303
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert (query["error"], query["iss"], query["state"]) == ([error], [running.url()], [app.state])
    assert "code" not in query


def test_an_app_of_another_organization_is_not_asked_for(app: App, other_organization: Organization) -> None:
    answer = Person(other_organization).http.get(app.url())
    assert answer.status_code == 400 and "location" not in answer.headers


def test_a_token_is_given_back_by_its_own_client_only(app: App, person: Person, organization: Organization) -> None:
    token = app.token(app.consent(person))
    other = organization.post("/apps", {"name": "Other", "redirect_uris": [CALLBACK]})["client_id"]
    endpoint = app.metadata["revocation_endpoint"]
    for client_id, still_works in ((other, True), (app.client_id, False)):
        assert httpx.post(endpoint, data={"token": token["access_token"], "client_id": client_id}).status_code == 200
        assert (organization.get("/grants")["items"][0]["state"] == "live") is still_works
