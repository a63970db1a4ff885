"""An organization of the vault with its owner: what a test has for itself."""

import random
import secrets
from dataclasses import dataclass, field

import httpx

import running
from provision import provision

# Hypothesis begins the other dice anew for each of its examples.
DICE = random.SystemRandom()
MODELS = {
    "openai": ["gpt-4o-mini", "gpt-4o", "gpt-5-mini", "text-embedding-3-small"],
    "anthropic": ["claude-haiku-4-5", "claude-sonnet-5"],
    "google": ["gemini-2.5-flash", "gemini-2.5-pro", "gemini-embedding-001"],
}


def detail(provider: str = "openai", **members) -> dict:
    """An authorization details object that asks for this provider's models of these tests."""
    wanted = {"type": "ai_model_access", "provider": provider, "models": MODELS.get(provider, []), "capabilities": ["chat"]}
    return wanted | members


def some_machine() -> httpx.HTTPTransport:
    """A transport from a loopback address of its own: the vault counts how often an address knocks."""
    dice = DICE.randint
    address = f"127.{dice(1, 254)}.{dice(0, 254)}.{dice(1, 254)}"
    return httpx.HTTPTransport(local_address=address)


@dataclass
class Grant:
    """What an app holds: a token, and what it was told with it. `id` is the owner's name for it."""

    token: str
    details: list[dict]
    id: str

    def base_url(self, provider: str, proxy: str | None = None) -> str:
        told = next(d["base_url"] for d in self.details if d["provider"] == provider)
        return told.replace(running.url(), proxy) if proxy else told


@dataclass
class Organization:
    """An organization that nobody else uses. `secrets` are its provider keys, by provider."""

    name: str
    tenant: str
    token: str
    sign_in_url: str
    api: httpx.Client
    app: httpx.Client
    secrets: dict[str, str] = field(default_factory=dict)

    @classmethod
    def fresh(cls) -> "Organization":
        word = secrets.token_hex(6)
        made = provision(f"Test {word}", "Olive Owner", f"olive-{word}@example.test")
        api = httpx.Client(
            base_url=f"{running.url()}/api/v1",
            headers={"authorization": f"Bearer {made['owner_token']}"},
            timeout=20,
        )
        app = httpx.Client(base_url=running.url(), transport=some_machine(), timeout=40)
        return cls(made["organization"], made["tenant"], made["owner_token"], made["sign_in_url"], api, app)

    def close(self) -> None:
        self.api.close()
        self.app.close()

    def post(self, path: str, body: dict | None = None, status: int = 201) -> dict:
        answer = self.api.post(path, json=body) if body is not None else self.api.post(path)
        assert answer.status_code == status, f"POST {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else {}

    def get(self, path: str, **query) -> dict:
        answer = self.api.get(path, params=query)
        assert answer.status_code == 200, f"GET {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def key(self, provider: str, secret: str | None = None) -> str:
        """Stores a provider key, once, and gives its secret."""
        if provider not in self.secrets:
            secret = secret or f"sk-test-{provider}-{secrets.token_urlsafe(24)}"
            self.post("/provider-keys", {"provider": provider, "name": f"{provider} of {self.name}", "secret": secret})
            self.secrets[provider] = secret
        return self.secrets[provider]

    def ticket(self, *providers: str, monthly_spend: str = "20", models: list[str] | None = None, label: str = "Test") -> str:
        """A connect ticket's address; with providers, what lies within its ceiling is granted at once."""
        body: dict = {"label": label}
        if providers:
            body["ceiling"] = {
                "providers": list(providers),
                "models": models or [],
                "capabilities": ["chat", "vision", "embeddings", "images", "audio", "moderation"],
                "requests_per_minute": 10_000,
                "requests_per_day": 1_000_000,
                "tokens_per_request": 10_000_000,
                "monthly_spend": monthly_spend,
                "days": 30,
            }
        return self.post("/connect-tickets", body)["url"]

    def handle(self, label: str = "Test") -> str:
        return self.post("/handles", {"label": label})["url"]

    def grant(self, *details: dict, app_name: str = "Test app") -> Grant:
        """A grant of exactly these details: asked for with a connect ticket that covers them."""
        wanted = list(details) or [detail()]
        for one in wanted:
            self.key(one["provider"])
        address = httpx.URL(self.ticket(*[one["provider"] for one in wanted], monthly_spend="1000"))
        body = {"okap": "1.0", "authorization_details": wanted, "client": {"name": app_name}}
        answer = self.app.post("/okap/authorize", json=body, auth=(address.username, ""))
        assert answer.status_code == 200, f"no grant: {answer.status_code} {answer.text}"
        told = answer.json()
        return Grant(told["token"], told["authorization_details"], self.get("/grants", limit=1)["items"][0]["id"])

    def pending(self) -> list[dict]:
        return self.get("/requests", state="pending")["items"]
