"""Right requests of the management API, for the routes where chance alone finds none."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import running
from right_request import CALLBACK, Right
from vault import Organization, detail

CEILING = {"providers": ["openai"], "capabilities": ["chat"], "monthly_spend": "5", "days": 30}


class RightManagement:
    """What the owner of an organization changes in it. Lists that fill up are emptied before."""

    def __init__(self, organization: Organization) -> None:
        self.organization = organization
        self.owner = {"authorization": f"Bearer {organization.token}"}
        self.client = organization.post("/apps", self._app("none"))["client_id"]
        self.makers: dict[str, Callable[[], Right]] = {
            "POST /api/v1/api-tokens": lambda: self._does(self._token()),
            "POST /api/v1/sso": lambda: self._does({"issuer": running.setting("LATCHKEY_SSO_URL"), "client_id": "fuzz"}),
            "POST /api/v1/apps": self._new_app,
            "POST /api/v1/apps/{id}/secret": self._app_with_secret,
            "POST /api/v1/approval-rules": lambda: self._does(self._rule()),
            "DELETE /api/v1/approval-rules/{id}": lambda: self._made("/approval-rules", self._rule()),
            "POST /api/v1/blocked-apps": lambda: self._does({"client_id": self.client}),
            "DELETE /api/v1/blocked-apps/{id}": lambda: self._made("/blocked-apps", {"client_id": self.client}),
            "POST /api/v1/budgets": self._new_budget,
            "PATCH /api/v1/budgets/{id}": self._raised_budget,
            "POST /api/v1/budgets/{id}/shadow-limits/adopt": self._tried_budget,
            "DELETE /api/v1/budgets/{id}": lambda: self._made("/budgets", self._budget()),
            "POST /api/v1/custom-providers": self._new_provider,
            "PATCH /api/v1/grants/{id}": self._narrowed_grant,
            "POST /api/v1/grants/{id}/shadow-limits/adopt": self._tried_grant,
            "POST /api/v1/model-aliases": self._new_alias,
            "PATCH /api/v1/model-aliases/{id}": self._changed_alias,
            "DELETE /api/v1/model-aliases/{id}": lambda: self._made("/model-aliases", self._alias()),
            "PUT /api/v1/policy": lambda: self._does(self._policy()),
            "POST /api/v1/provider-keys": self._new_key,
            "POST /api/v1/provider-keys/{id}/rotate": self._rotation,
            "POST /api/v1/provider-keys/{id}/check": self._check,
            "DELETE /api/v1/registration-tokens/{id}": self._registration_token,
        }

    def _does(self, body: dict) -> Right:
        return Right(headers=self.owner, body=body)

    def _made(self, path: str, body: dict) -> Right:
        """About something that was just made there."""
        self._empty(path)
        return Right({"id": self.organization.post(path, body)["id"]}, headers=self.owner)

    def _empty(self, path: str, keep: str = "") -> None:
        for one in self.organization.get(path)["items"]:
            if one["id"] != keep:
                self.organization.api.delete(f"{path}/{one['id']}")

    @staticmethod
    def _token() -> dict:
        end = datetime.now(timezone.utc) + timedelta(days=1)
        return {"label": "Fuzz", "role": "member", "expires_at": end.strftime("%Y-%m-%dT%H:%M:%SZ")}

    @staticmethod
    def _app(method: str) -> dict:
        return {"name": "Fuzz", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": method}

    def _new_app(self) -> Right:
        self._empty("/apps", keep=self.client)
        return self._does(self._app("none"))

    def _app_with_secret(self) -> Right:
        self._empty("/apps", keep=self.client)
        made = self.organization.post("/apps", self._app("client_secret_basic"))
        return Right({"id": made["id"]}, headers=self.owner)

    def _rule(self) -> dict:
        return {"client_id": self.client, "ceiling": CEILING, "live_grants": 2, "monthly_total": "10"}

    @staticmethod
    def _budget() -> dict:
        return {"scope": "organization", "monthly_spend": "500"}

    def _new_budget(self) -> Right:
        self._empty("/budgets")
        return self._does(self._budget())

    def _raised_budget(self) -> Right:
        made = self._made("/budgets", self._budget())
        return Right(made.path, headers=self.owner, body={"monthly_spend": "600"})

    def _tried_budget(self) -> Right:
        made = self._made("/budgets", self._budget())
        return self._tries(f"/budgets/{made.path['id']}", "400")

    def _tried_grant(self) -> Right:
        grant = self.organization.grant(detail(limits={"monthly_spend": 5}))
        return self._tries(f"/grants/{grant.id}", 4)

    def _tries(self, path: str, amount: str | int) -> Right:
        """About something of which a lower limit is tried."""
        tried = self.organization.api.patch(path, json={"shadow_limits": {"monthly_spend": amount}})
        assert tried.is_success, tried.text
        return Right({"id": path.rsplit("/", 1)[1]}, headers=self.owner)

    def _new_provider(self) -> Right:
        self._empty("/custom-providers")
        return self._does({"name": "fuzz-llm", "base_url": "https://llm.fuzz.example/v1"})

    @staticmethod
    def _alias() -> dict:
        return {"name": "fuzz-fast", "candidates": [{"model": "openai/gpt-4o-mini"}]}

    def _new_alias(self) -> Right:
        self._empty("/model-aliases")
        return self._does(self._alias())

    def _changed_alias(self) -> Right:
        made = self._made("/model-aliases", self._alias())
        return Right(made.path, headers=self.owner, body={"strategy": "latency"})

    def _narrowed_grant(self) -> Right:
        grant = self.organization.grant(detail(limits={"monthly_spend": 5}))
        body = {"authorization_details": [detail(limits={"monthly_spend": 4})]}
        return Right({"id": grant.id}, headers=self.owner, body=body)

    def _policy(self) -> dict:
        told = self.organization.get("/policy")
        return {name: value for name, value in told.items() if name != "changed_at"}

    def _new_key(self) -> Right:
        self._empty_keys()
        return self._does({"provider": "groq", "name": "Fuzz", "secret": "sk-fuzz-0123456789abcdef"})

    def _rotation(self) -> Right:
        self._empty_keys()
        key = {"provider": "groq", "name": "Fuzz", "secret": "sk-fuzz-0123456789abcdef"}
        made = self.organization.post("/provider-keys", key)
        return Right({"id": made["id"]}, headers=self.owner, body={"secret": "sk-fuzz-abcdef0123456789"})

    def _check(self) -> Right:
        self._empty_keys()
        made = self.organization.post("/provider-keys", {"provider": "groq", "name": "Fuzz", "secret": "sk-fuzz-0123456789abcdef"})
        return Right({"id": made["id"]}, headers=self.owner)

    def _empty_keys(self) -> None:
        for key in self.organization.get("/provider-keys")["items"]:
            if key["provider"] == "groq":
                self.organization.api.delete(f"/provider-keys/{key['id']}")

    def _registration_token(self) -> Right:
        return self._made("/registration-tokens", {"label": "Fuzz"})
