"""Revoked means revoked: on every proxy at once, and in the middle of a stream."""

import secrets
import time
from datetime import datetime, timedelta, timezone

import httpx
import openai
import pytest
from openai import OpenAI

import running
from simulator import Simulator, told
from vault import Grant, Organization, detail
from waiting import until

HELLO = [{"role": "user", "content": "Say hello."}]


def apps_of(grant: Grant) -> list[OpenAI]:
    """The app at every proxy, not through the gateway."""
    urls = [grant.base_url("openai", proxy) for proxy in running.proxy_urls()]
    return [OpenAI(api_key=grant.token, base_url=url, max_retries=0, timeout=30) for url in urls]


def revoke(organization: Organization, grant: Grant) -> None:
    organization.post(f"/grants/{grant.id}/revoke", status=204)


def test_no_proxy_starts_a_call_after_the_revocation_was_answered(organization: Organization, simulator: Simulator) -> None:
    grant = organization.grant()
    apps = apps_of(grant)
    for app in apps:
        assert app.chat.completions.create(model="gpt-4o-mini", messages=HELLO).choices
    revoke(organization, grant)
    for app in apps:
        with pytest.raises(openai.AuthenticationError) as refused:
            app.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
        assert refused.value.type == "token_revoked"
    assert len(simulator.calls_with(organization.secrets["openai"])) == len(apps)


def test_a_running_stream_is_cut_on_every_proxy(organization: Organization, simulator: Simulator) -> None:
    grant = organization.grant()
    slow = [{"role": "user", "content": told(chunks=100, output_tokens=100, chunk_delay_ms=200)}]
    streams = [app.chat.completions.create(model="gpt-4o-mini", messages=slow, stream=True) for app in apps_of(grant)]
    for stream in streams:
        assert next(iter(stream)).choices
    revoke(organization, grant)
    revoked_at = time.monotonic()
    for stream in streams:
        with pytest.raises(openai.APIError) as cut:
            list(stream)
        assert cut.value.type == "token_revoked"
    assert time.monotonic() - revoked_at < 3
    calls = simulator.wait_for_calls(organization.secrets["openai"], len(streams))
    assert all(call["client_gone"] and not call["completed"] for call in calls)
    recorded = until("the cut calls in the record", lambda: organization.get("/usage/calls")["items"])
    assert all(float(call["cost"]) > 0 for call in recorded)


def test_a_second_revocation_is_a_conflict_and_changes_nothing(organization: Organization) -> None:
    grant = organization.grant()
    revoke(organization, grant)
    again = organization.api.post(f"/grants/{grant.id}/revoke")
    assert again.status_code in (204, 409)
    assert organization.get(f"/grants/{grant.id}")["state"] == "revoked"


def test_an_expired_grant_is_told_apart_from_a_revoked_one(organization: Organization) -> None:
    ends = datetime.now(timezone.utc) + timedelta(seconds=3)
    app = apps_of(organization.grant(detail(expires=ends.isoformat())))[0]
    assert app.chat.completions.create(model="gpt-4o-mini", messages=HELLO).choices

    def refused() -> str | None:
        try:
            app.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
        except openai.AuthenticationError as error:
            return error.type
        return None

    assert until("the end of the grant", refused) == "token_expired"


def test_a_destroyed_key_ends_its_calls_and_a_rotated_one_takes_over(organization: Organization, simulator: Simulator) -> None:
    grant = organization.grant()
    app = apps_of(grant)[0]
    key = organization.get("/provider-keys")["items"][0]
    rotated = f"sk-test-rotated-{organization.tenant}"
    organization.post(f"/provider-keys/{key['id']}/rotate", {"secret": rotated}, status=204)

    def new_key_is_used() -> bool:
        app.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
        return bool(simulator.calls_with(rotated))

    until("calls with the new key", new_key_is_used)
    assert organization.api.delete(f"/provider-keys/{key['id']}").status_code == 204

    def refused() -> int | None:
        try:
            app.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
        except openai.APIStatusError as error:
            return error.status_code
        return None

    assert until("refusals without the key", refused) == 424


def test_a_rotation_cuts_no_stream_and_the_next_call_uses_the_new_key(organization: Organization, simulator: Simulator) -> None:
    grant = organization.grant()
    app = apps_of(grant)[0]
    key = organization.get("/provider-keys")["items"][0]
    first, second = organization.secrets["openai"], f"sk-test-rotated-{secrets.token_hex(12)}"
    paced = told(chunks=40, output_tokens=40, input_tokens=9, chunk_delay_ms=200)
    body = {"model": "gpt-4o-mini", "stream": True, "messages": [{"role": "user", "content": paced}]}
    headers = {"authorization": f"Bearer {grant.token}"}
    url = f"{str(app.base_url).rstrip('/')}/chat/completions"
    with httpx.stream("POST", url, json=body, headers=headers, timeout=30) as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("data: {")
        organization.post(f"/provider-keys/{key['id']}/rotate", {"secret": second}, status=204)

        def new_key_is_used() -> bool:
            app.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
            return bool(simulator.calls_with(second))

        until("calls with the new key", new_key_is_used)
        # Its last event is seconds away.
        assert not any(call["stream"] for call in simulator.calls_with(first))
        came = [line for line in lines if line]
    assert came[-1] == "data: [DONE]" and not any("error" in line for line in came), came
    (streamed,) = [call for call in simulator.wait_for_calls(first, 1) if call["stream"]]
    assert streamed["completed"] and not streamed["client_gone"]
    assert not any(call["stream"] for call in simulator.calls_with(second))

    def recorded() -> list[dict]:
        return [call for call in organization.get("/usage/calls")["items"] if call["stream"]]

    (record,) = until("the stream in the record", recorded)
    assert (record["outcome"], record["measurement"]) == ("completed", "measured")
    assert (record["tokens"]["input"], record["tokens"]["output"]) == (9, 40)
