"""The job, on real parts: an app asks, a person approves, the call goes through, finance sees it.

Run by `./latchkey demo`, with the settings of the running vault in the environment. May be run again and again.
"""

import os
import secrets
import sys
import time
from decimal import Decimal
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "python"))

import apps
import person
import vault
from okap import OkapToken
from playwright.sync_api import Browser, Error as BrowserError, Page
from provision import provision
from told import Broken, hold, line, shown, step

HANDLE_URL = os.environ["LATCHKEY_HANDLE_URL"]


def sign_in(browser: Browser, page: Page) -> None:
    step(1, "An organization and its owner exist, and the owner signs in")
    # A link of its own, like the one that `up` printed: that one is left for whoever started the vault.
    made = provision(person.ORGANIZATION, "Alice Archer", os.environ["LATCHKEY_OWNER_EMAIL"])
    hold(not made["created"], f"{person.ORGANIZATION} did not exist")
    person.follow_link(page, made["sign_in_url"])
    by_link = person.who(page)
    line(
        "by a one-time link", f"{by_link['name']}, {by_link['role']} of {by_link['organization']['name']} ({by_link['id'][:17]}…)"
    )
    again = person.opened_again(browser, made["sign_in_url"])
    hold(again.startswith("410"), f"a used link answers {again}")
    line("the same link again", again)
    person.sign_out(page)
    issuer = person.sign_in_by_sso(page)
    by_sso = person.who(page)
    hold(by_sso["id"] == by_link["id"], "single sign-on leads to somebody else")
    line("by single sign-on", f"OpenID provider {issuer}: the same {by_sso['name']}")


def end_earlier_demos() -> None:
    """The grants of an earlier run would only fill the page. The sample app's stay: somebody may be using it."""
    for grant in vault.get("/grants", limit=200)["items"]:
        if grant["state"] == "live" and grant["app_name"] in ("Notebook", "Recipe Robot", "Tiny"):
            vault.post(f"/grants/{grant['id']}/revoke")


def store_keys() -> None:
    step(2, f"The owner stores provider keys, sealed under KMS ({os.environ['LATCHKEY_KMS']})")
    for provider in ("openai", "anthropic", "google"):
        stored = [
            key for key in vault.get("/provider-keys")["items"] if key["provider"] == provider and key["health"] == "usable"
        ]
        if not stored:
            vault.post(
                "/provider-keys", {"provider": provider, "name": "Demo", "secret": f"sk-demo-{provider}-{secrets.token_hex(20)}"}
            )
            stored = [key for key in vault.get("/provider-keys")["items"] if key["provider"] == provider]
        key = stored[0]
        line(
            provider,
            f"“{key['name']}” ••••{key['last_four']}, {key['health']}, stored {key['stored_at'][:19]}; never shown again",
        )


def ask_with_okap(page: Page) -> dict[str, OkapToken]:
    step(3, "The okap 0.1.2 SDK from PyPI asks for access")
    ceiling = {
        "providers": ["openai", "google"],
        "models": ["gpt-4o-mini", "text-embedding-3-small", apps.FLASH],
        "capabilities": ["chat", "embeddings"],
        "monthly_spend": "5",
        "days": 7,
    }
    granted = {}
    for provider, models in (("openai", ["gpt-4o-mini", "text-embedding-3-small"]), ("google", [apps.FLASH])):
        ticket = vault.post("/connect-tickets", {"label": "Notebook", "ceiling": ceiling})["url"]
        capabilities = ["chat", "embeddings"] if provider == "openai" else ["chat"]
        token = apps.ask(ticket, "Notebook", provider, models=models, capabilities=capabilities, monthly_limit=2.0)
        hold(token.limits.monthly_spend == 2.0, f"the limit is {token.limits.monthly_spend}")
        granted[provider] = token
        line(
            "connect ticket",
            f"{provider}: granted at once, {shown(token.token)} for {', '.join(token.models)}, ${token.limits.monthly_spend:g} a month",
        )
    person.open_inbox(page)
    waiting = apps.ask_meanwhile(
        HANDLE_URL,
        "Recipe Robot",
        "anthropic",
        models=[apps.HAIKU, "claude-sonnet-5"],
        monthly_limit=4.0,
        reason="To check recipes.",
    )
    person.see_request(page, "Recipe Robot")
    line("handle", "“Recipe Robot” asks for $4 a month; it shows up in the open inbox without a reload")
    person.decide(page, "Recipe Robot", {"d0.monthly_spend": "1.50"}, untick=("claude-sonnet-5",))
    token = waiting.result(timeout=15)
    hold(
        token.limits.monthly_spend == 1.5 and token.models == [apps.HAIKU],
        f"granted was {token.models} for {token.limits.monthly_spend}",
    )
    listed = vault.get("/grants", limit=1)["items"][0]["authorization_details"][0]
    hold(listed["limits"]["monthly_spend"] == 1.5, "the vault lists another limit than it told the app")
    line(
        "Alice narrows",
        f"approved with ${token.limits.monthly_spend:.2f} and {apps.HAIKU} alone; the SDK has {shown(token.token)}",
    )
    return granted | {"anthropic": token}


def use_oauth(page: Page) -> None:
    step(4, "A web app does the OAuth redirect (openid-client: code, PKCE, authorization_details) for two providers at once")
    rows = person.connect_sample_app(page, {"d0.monthly_spend": "2.00"})
    hold(len(rows) == 2 and "$2 " in rows[0], f"the app was told {rows}")
    for row in rows:
        line("granted", row)
    recipe, allergens, left = person.use_sample_app(page)
    line("it works", f"OpenAI wrote {len(recipe)} characters, then {left}; Anthropic looked them over in {len(allergens)}")


def call_with_sdks(tokens: dict[str, OkapToken]) -> None:
    step(5, "The official SDKs call through the proxy, nothing changed but key and base URL")
    mark = vault.end_of_log()
    calls = {"openai": apps.call_openai, "anthropic": apps.call_anthropic, "google": apps.call_google}
    for provider, call in calls.items():
        line(f"{provider} SDK", call(tokens[provider]))
    keys = vault.get("/provider-keys")["items"]
    seen = [call for call in vault.calls_since(mark) if vault.simulated(call["provider"])]
    for call in seen:
        own = {key["last_four"] for key in keys if key["provider"] == call["provider"]}
        hold(call["key_last4"] in own, f"{call['provider']} was sent a key that is not Alice's")
        hold("okap_" not in str(call["request_headers"]), f"{call['provider']} was sent an OKAP token")
        hold(call["key_sha256"] not in {vault.digest(token.token) for token in tokens.values()}, "a token went upstream")
    told = ", ".join(sorted({f"{call['provider']} ••••{call['key_last4']}" for call in seen}))
    line(
        "the providers saw",
        f"{len(seen)} calls with the real keys ({told}) and no OKAP token" if seen else "not shown: no provider is the simulator",
    )


def be_refused(tokens: dict[str, OkapToken]) -> None:
    step(6, "What was not granted is refused, in the SDK's own exception")
    refusals = [
        ("model not granted", *apps.refused_by_openai(tokens["openai"], "gpt-4o"), "model_not_granted"),
        ("", *apps.refused_by_anthropic(tokens["anthropic"], "claude-sonnet-5"), "model_not_granted"),
        ("", *apps.refused_by_google(tokens["google"], "gemini-2.5-pro"), "model_not_granted"),
    ]
    ceiling = {"providers": ["openai"], "models": ["gpt-4o-mini"], "monthly_spend": "0.0001", "days": 1}
    ticket = vault.post("/connect-tickets", {"label": "Tiny", "ceiling": ceiling})["url"]
    tiny = apps.ask(ticket, "Tiny", "openai", models=["gpt-4o-mini"], monthly_limit=0.0001)
    tiny_grant = vault.get("/grants", limit=1)["items"][0]["id"]
    served, words, kind = apps.spend_until_refused(tiny)
    refusals.append(("over $0.0001 a month", f"after {served} calls: {words}", kind, "spend_limit_exceeded"))
    vault.post(f"/grants/{tiny_grant}/revoke")
    refusals.append(("after revocation", *apps.refused_by_openai(tiny), "token_revoked"))
    for what, happened, kind, expected in refusals:
        line(what, happened)
        hold(kind == expected, f"the OKAP type is {kind}, not {expected}")


def compare_usage(page: Page, before: int, mark: int) -> None:
    """All calls since the demo began: `before` were recorded then, and the simulator's log stood at `mark`."""
    step(7, "The usage page, the usage API and the CSV export show the same calls and the same sum")

    def settled() -> tuple[dict, list[dict]] | None:
        """The API's total and the CSV's rows, once nothing more comes in."""
        rows, total = vault.csv_of_this_month(), vault.get("/usage")["total"]
        calm = all(
            limit["reserved"] in ("0", "0.0") for grant in vault.get("/grants")["items"] for limit in grant["limits"] or []
        )
        return (total, rows) if calm and total["calls"] == len(rows) >= before + reached else None

    keys = {(key["provider"], key["last_four"]) for key in vault.get("/provider-keys")["items"]}
    reached = sum((call["provider"], call["key_last4"]) in keys for call in vault.calls_since(mark))

    total, rows = vault.until("all calls in the record", settled)
    on_page = person.total_on_usage_page(page)
    sums = {"usage page": Decimal(on_page), "usage API": Decimal(total["cost"]), "CSV export": vault.sum_of(rows)}
    for what, amount in sums.items():
        line(what, f"${amount}" + (f", {len(rows)} calls" if what != "usage page" else ""))
    hold(len(set(sums.values())) == 1, "they differ")
    by_app = vault.get("/usage", group_by="app")["items"]
    line("by app", ", ".join(f"{item['app']} ${item['cost']}" for item in by_app[:5]))


def main() -> int:
    began = time.monotonic()
    try:
        with person.a_browser() as browser:
            page = person.a_page(browser)
            before, mark = vault.get("/usage")["total"]["calls"], vault.end_of_log()
            end_earlier_demos()
            sign_in(browser, page)
            store_keys()
            tokens = ask_with_okap(page)
            use_oauth(page)
            call_with_sdks(tokens)
            be_refused(tokens)
            compare_usage(page, before, mark)
    except Broken as broken:
        print(f"\nThis does not hold: {broken}", file=sys.stderr)
        return 1
    except (BrowserError, AssertionError) as error:
        print(f"\nThis does not hold: the page does not show what it should.\n{error}", file=sys.stderr)
        return 1
    except Exception as error:
        print(f"\nThis does not hold: {type(error).__module__}.{type(error).__qualname__}: {error}", file=sys.stderr)
        return 1
    print(f"\nThe whole job ran in {time.monotonic() - began:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
