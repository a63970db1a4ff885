"""What an app on a server does with a standard client library (Authlib): it proves itself with a secret or a signature,
renews its token, pushes its request, and asks what a token is good for; and a device without a browser asks by code."""

import json
import secrets
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.jose import JsonWebKey
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from openai import AuthenticationError, OpenAI

import running
from person import Person
from vault import Organization, detail

CALLBACK = "https://recipes.test/callback"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
HELLO = [{"role": "user", "content": "Say hello."}]


def metadata() -> dict:
    return httpx.get(f"{running.url()}/.well-known/oauth-authorization-server").json()


def chat(token: dict) -> str:
    client = OpenAI(api_key=token["access_token"], base_url=token["authorization_details"][0]["base_url"], max_retries=0)
    return client.chat.completions.create(model="gpt-4o-mini", messages=HELLO).choices[0].message.content or ""


def register(organization: Organization, **more: object) -> dict:
    organization.key("openai")
    types = ["authorization_code", "refresh_token"]
    return organization.post("/apps", {"name": "Recipes", "redirect_uris": [CALLBACK], "grant_types": types} | more)


def connected(library: OAuth2Client, organization: Organization) -> dict:
    """The token of an app whose person approved what it pushed."""
    verifier = secrets.token_urlsafe(48)
    wanted = json.dumps([detail("openai", limits={"monthly_spend": 3})])
    url, state = library.create_authorization_url(
        metadata()["authorization_endpoint"], code_verifier=verifier, authorization_details=wanted
    )
    person = Person(organization)
    page = person.http.get(url).headers["location"]
    back = person.approve(page).headers["location"]
    return library.fetch_token(metadata()["token_endpoint"], authorization_response=back, code_verifier=verifier, state=state)


def library_of(app: dict, **more: object) -> OAuth2Client:
    return OAuth2Client(app["client_id"], redirect_uri=CALLBACK, code_challenge_method="S256", **more)


def test_an_app_with_a_secret_renews_its_token_and_the_provider_answers(organization: Organization) -> None:
    app = register(organization, token_endpoint_auth_method="client_secret_basic")
    library = library_of(app, client_secret=app["client_secret"], token_endpoint_auth_method="client_secret_basic")
    first = connected(library, organization)
    assert first["expires_in"] == 3600 and chat(first)
    second = library.refresh_token(metadata()["token_endpoint"], refresh_token=first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"] and chat(second)
    known = library.introspect_token(metadata()["introspection_endpoint"], token=second["access_token"]).json()
    assert known["active"] and known["client_id"] == app["client_id"]
    with pytest.raises(OAuthError) as replayed:
        library.refresh_token(metadata()["token_endpoint"], refresh_token=first["refresh_token"])
    assert replayed.value.error == "invalid_grant"
    with pytest.raises(AuthenticationError) as revoked:
        chat(second)
    assert revoked.value.type == "token_revoked"


def test_an_app_that_signs_redeems_and_renews(organization: Organization) -> None:
    key = JsonWebKey.generate_key("RSA", 2048, is_private=True)
    public = key.as_dict(is_private=False)
    app = register(organization, token_endpoint_auth_method="private_key_jwt", jwks={"keys": [public]})
    library = library_of(app, client_secret=key.as_pem(is_private=True).decode(), token_endpoint_auth_method="private_key_jwt")
    library.register_client_auth_method(PrivateKeyJWT(metadata()["token_endpoint"], alg="RS256"))
    first = connected(library, organization)
    second = library.refresh_token(metadata()["token_endpoint"], refresh_token=first["refresh_token"])
    assert chat(second)


def test_a_token_that_the_library_gives_back_is_good_for_nothing(organization: Organization) -> None:
    app = register(organization, token_endpoint_auth_method="client_secret_post")
    # The library would give back with Basic, whatever it was told for tokens.
    method = {f"{endpoint}_endpoint_auth_method": "client_secret_post" for endpoint in ("token", "revocation")}
    library = library_of(app, client_secret=app["client_secret"], **method)
    token = connected(library, organization)

    def known() -> dict:
        return library.introspect_token(metadata()["introspection_endpoint"], token=token["access_token"]).json()

    assert known()["active"] and chat(token)
    assert library.revoke_token(metadata()["revocation_endpoint"], token=token["refresh_token"]).status_code == 200
    assert known() == {"active": False}
    with pytest.raises(AuthenticationError) as revoked:
        chat(token)
    assert revoked.value.type == "token_revoked"


def test_a_pushed_request_is_all_that_the_browser_brings(organization: Organization) -> None:
    app = register(organization)
    library = library_of(app, token_endpoint_auth_method="none")
    verifier = secrets.token_urlsafe(48)
    wanted = json.dumps([detail("openai", limits={"monthly_spend": 3})])
    url, state = library.create_authorization_url("https://x.test/", code_verifier=verifier, authorization_details=wanted)
    pushed = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    answer = httpx.post(metadata()["pushed_authorization_request_endpoint"], data=pushed)
    assert answer.status_code == 201, answer.text
    query = httpx.QueryParams({"client_id": app["client_id"], "request_uri": answer.json()["request_uri"]})
    person = Person(organization)
    page = person.http.get(f"{metadata()['authorization_endpoint']}?{query}").headers["location"]
    back = person.approve(page).headers["location"]
    token = library.fetch_token(
        metadata()["token_endpoint"], authorization_response=back, code_verifier=verifier, state=state
    )
    assert chat(token)


def test_a_device_gets_its_token_after_its_person_entered_the_code(organization: Organization) -> None:
    organization.key("openai")
    app = organization.post("/apps", {"name": "Television", "grant_types": [DEVICE]})
    asked = {"client_id": app["client_id"], "authorization_details": json.dumps([detail("openai")])}
    begun = httpx.post(metadata()["device_authorization_endpoint"], data=asked).json()
    person = Person(organization)
    path = urlsplit(begun["verification_uri_complete"])
    form = person.form(f"{path.path}?{path.query}", "/device")
    page = person.send("/device", form).headers["location"]
    assert person.approve(page).status_code == 303
    library = OAuth2Client(app["client_id"], token_endpoint_auth_method="none")
    token = library.fetch_token(metadata()["token_endpoint"], grant_type=DEVICE, device_code=begun["device_code"])
    assert chat(token)
