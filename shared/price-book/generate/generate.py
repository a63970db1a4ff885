#!/usr/bin/env python3
"""Writes ../prices.json and ../tests/oracle.json. See README.md beside this file."""

import argparse
import hashlib
import json
import re
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

import oracle
import rates
from genai_prices.data import providers as source_providers
from names import DATED, Names

CRATE = Path(__file__).resolve().parent.parent
PROVIDERS = ["openai", "anthropic", "google", "groq", "together", "mistral", "cohere", "openrouter"]
# How litellm spells a provider: its name for the provider, and what it puts before the model's name.
LITELLM = {
    "openai": [("openai", ""), ("text-completion-openai", "")],
    "anthropic": [("anthropic", "")],
    "google": [("gemini", "gemini/")],
    "groq": [("groq", "groq/")],
    "together": [("together_ai", "together_ai/")],
    "mistral": [("mistral", "mistral/")],
    "cohere": [("cohere_chat", ""), ("cohere", "cohere/"), ("cohere", "")],
    "openrouter": [("openrouter", "openrouter/")],
}
# The source writes "free" and "not known" alike, as a model without prices. These are free by the provider's own page.
FREE = {
    ("openai", "moderation"): "https://developers.openai.com/api/docs/pricing",
    ("google", "gemma-3"): "https://ai.google.dev/gemini-api/docs/pricing",
    ("google", "gemma-3n"): "https://ai.google.dev/gemini-api/docs/pricing",
    ("google", "gemma-4-26b-a4b-it"): "https://ai.google.dev/gemini-api/docs/pricing",
    ("google", "gemma-4-31b-it"): "https://ai.google.dev/gemini-api/docs/pricing",
}
# The source prices whatever contains "moderation"; these are the names there are.
WRITTEN_OUT = {
    ("openai", "moderation"): [
        "omni-moderation-latest", "omni-moderation-2024-09-26",
        "text-moderation-latest", "text-moderation-stable", "text-moderation-007",
    ],
}
FREE_ROW = [{"rates": {"input": "0", "output": "0"}}]
# Groq charges a transcription for at least ten seconds (the source has the same rule in code, not in data).
MINIMUM_AUDIO_SECONDS = {("groq", "whisper-large-v3"): 10, ("groq", "whisper-large-v3-turbo"): 10}


def left_out(provider, model):
    """Why a model of the source is not in the book."""
    if provider == "google" and model.id.startswith("claude-"):
        return "served by Vertex AI, not by the Gemini API"
    if model.id.endswith("-maas"):
        return "served by Vertex AI, not by the Gemini API"
    comments = model.price_comments or ""
    if provider == "openrouter":
        return left_out_of_openrouter(model)
    if re.search(r"Imported from OpenRouter|Seen on OpenRouter", comments) and "Verified against" not in comments:
        return "a reseller's price, not the provider's"
    if not isinstance(model.prices, list) and not vars(model.prices) and (provider, model.id) not in FREE:
        return "no price"
    return None


def left_out_of_openrouter(model):
    """OpenRouter's models are named `vendor/model`; a `:free` one costs nothing by its name."""
    if "/" not in model.id:
        return "not a name that OpenRouter takes"
    if model.id.startswith("perplexity/") or re.search("-search|deep-research", model.id):
        return "searches with each call, at a fee that is not in the source"
    if model.id.endswith(":batch"):
        return "work that goes on after the call"
    if not isinstance(model.prices, list) and not vars(model.prices) and not model.id.endswith(":free"):
        return "no price"
    return None


def free_page(provider, model):
    """The page that says a model is free; `None` for one that is not."""
    if provider == "openrouter" and model.id.endswith(":free"):
        return "https://openrouter.ai/models"
    return FREE.get((provider, model.id))


def litellm_entries(litellm, provider):
    """What litellm says of each model of `provider`, by the name the provider's API takes."""
    entries = {}
    for spelled, prefix in LITELLM[provider]:
        for key, facts in litellm.items():
            if facts.get("litellm_provider") == spelled and key.startswith(prefix) and (prefix or "/" not in key):
                entries.setdefault(key.removeprefix(prefix), facts)
    return entries


def limits(facts):
    def whole(key):
        number = facts.get(key)
        return int(number) if isinstance(number, int | float) and 0 < number < 2**32 else None

    return whole("max_output_tokens"), whole("max_input_tokens")


def same_price(facts, row):
    """Whether litellm gives the same standard price, to the last digit."""
    keys = {
        "input": "input_cost_per_token",
        "output": "output_cost_per_token",
        "cached_input": "cache_read_input_token_cost",
        "audio_input": "input_cost_per_audio_token",
    }
    for name, key in keys.items():
        ours, theirs = row["rates"].get(name), facts.get(key)
        if ours is not None and (theirs is None or Decimal(repr(theirs)) * 1_000_000 != Decimal(ours)):
            return False
    return True


def by_output_limit(names, entries, window):
    """Splits the exact names of a model where litellm gives them different output limits."""
    known = {n: limits(entries[k]) for n in names.exact for k in (f"{n}-latest", n) if k in entries}
    outputs = [output for output, _ in known.values() if output]
    main = next((known[n][0] for n in names.exact if n in known and known[n][0]), None)
    for output in dict.fromkeys([main, *outputs]):
        members = [n for n in names.exact if (known.get(n, (main,))[0] or main) == output]
        inputs = [known[n][1] for n in members if n in known and known[n][1]]
        yield output, window or max(inputs, default=None), members


def model_entries(source, model, entries, default_source):
    provider = source.id
    names = Names(model)
    more = [*WRITTEN_OUT.get((provider, model.id), []), *(n for n in entries if names.covers(n))]
    names.exact += [n for n in more if n not in names.exact]
    for name in names.exact:
        assert source.find_model(name) is model, f"{provider} {name} is another model to the source"
    if provider == "openrouter":
        names.exact = [n for n in names.exact if "/" in n and not n.endswith(":batch")]
    free = free_page(provider, model)
    price_rows = FREE_ROW if free else rates.rows(model)
    # A dated name that only litellm knows is the same model if both give the same price.
    for name, facts in entries.items():
        base = next((b for b in names.exact if name.startswith(b) and DATED.match(name[len(b):])), None)
        if base and name not in names.exact and not free and same_price(facts, price_rows[-1]):
            names.exact.append(name)
    urls = re.findall(r"https://[^\s,;)\]]+", model.price_comments or "")
    page = free or next((u.rstrip(".") for u in urls), default_source)

    groups = list(by_output_limit(names, entries, model.context_window)) or [(None, model.context_window, [])]
    for index, (output, window, exact) in enumerate(groups):
        entry = {"id": exact[0] if exact else model.id}
        bases = lambda kind: [b for b in getattr(names, kind) if (b in exact) or (index == 0 and b not in names.exact)]  # noqa: E731, B023
        lists = {"aliases": exact[1:], **{kind: bases(kind) for kind in ("dated", "snapshots", "prefixes")}}
        if not exact:
            entry["unlisted"] = True
        entry |= {key: value for key, value in lists.items() if value}
        if window:
            entry["context_window"] = window
        if output:
            entry["max_output_tokens"] = output
        if page != default_source:
            entry["source"] = page
        if minimum := MINIMUM_AUDIO_SECONDS.get((provider, model.id)):
            entry["minimum_audio_seconds"] = minimum
        yield entry | {"prices": price_rows}


def provider_book(source, litellm):
    entries = litellm_entries(litellm, source.id)
    page = source.pricing_urls[0]
    book = {"source": page, "models": []}
    for model in source.models:
        reason = left_out(source.id, model)
        try:
            if not reason:
                book["models"] += model_entries(source, model, entries, page)
        except rates.Unpriceable as unpriceable:
            reason = str(unpriceable)
        if reason:
            print(f"left out: {source.id} {model.id}: {reason}", file=sys.stderr)
    check_names(source, book)
    return book, entries


def check_names(source, book):
    seen = set()
    for entry in book["models"]:
        for name in [] if entry.get("unlisted") else [entry["id"], *entry.get("aliases", [])]:
            assert name.lower() not in seen, f"{source.id} {name} is listed twice"
            seen.add(name.lower())


# As services/proxy/src/sandbox/scenario.rs has them; a test there compares the two.
SANDBOX = ("401", "402", "403", "429", "500", "502", "503", "504", "cut", "echo", "embedding", "expired", "revoked", "slow")


def sandbox_book():
    """The vault's own models for those who build apps. They call nobody: a price of zero, said and not assumed."""
    free = {"context_window": 128000, "max_output_tokens": 4096, "prices": FREE_ROW}
    models = [{"id": f"sandbox-{name}"} | free for name in SANDBOX]
    return {"source": "the sandbox of this vault: it calls nobody, so nobody charges for it", "models": models}


def local_book(litellm):
    """Ollama runs on the owner's machine: a price of zero, said and not assumed. Its cloud models are not local."""
    names = sorted(k.removeprefix("ollama/") for k in litellm if k.startswith("ollama/") and not k.endswith("cloud"))
    models = [{"id": name, "prices": FREE_ROW} for name in names]
    models.append({"id": "any other local model", "unlisted": True, "prefixes": [""], "except_endings": ["cloud"],
                   "prices": FREE_ROW})
    return {"source": "local: runs on the owner's own machine, nobody charges for it", "models": models}


def cross_check(provider, book, entries, today):
    for entry in book["models"]:
        row = next(r for r in entry["prices"] if r.get("from", "") <= today < r.get("to", "9"))
        for name in [entry["id"], *entry.get("aliases", [])]:
            if name in entries and entries[name].get("input_cost_per_token") and not same_price(entries[name], row):
                theirs = {k: v for k, v in entries[name].items() if k in ("input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost")}
                print(f"differs: {provider} {name}: book {row['rates']}, litellm {theirs}", file=sys.stderr)


def written(book):
    """One line for a model's names, one for each price row. The digest on line 2 is of all lines after it."""
    def compact(value):
        return json.dumps(value, ensure_ascii=True, separators=(",", ":"))

    head = {k: v for k, v in book.items() if k != "providers"}
    lines = [f"{compact(key)}:{compact(value)}," for key, value in head.items()]
    lines.append('"providers":{')
    for p, (provider, content) in enumerate(book["providers"].items()):
        lines.append(f'{compact(provider)}:{{"source":{compact(content["source"])},"models":[')
        for m, model in enumerate(content["models"]):
            prices = model["prices"]
            names = compact({k: v for k, v in model.items() if k != "prices"})
            comma = "," if m + 1 < len(content["models"]) else ""
            if len(prices) == 1:
                lines.append(f'{names[:-1]},"prices":[{compact(prices[0])}]}}{comma}')
            else:
                lines.append(f'{names[:-1]},"prices":[')
                lines += [f" {compact(row)}{',' if r + 1 < len(prices) else ']}' + comma}" for r, row in enumerate(prices)]
        lines.append("]}" + ("," if p + 1 < len(book["providers"]) else ""))
    rest = "\n".join([*lines, "}}"]) + "\n"
    json.loads("{" + rest)
    digest = hashlib.sha256(rest.encode()).hexdigest()
    return f'{{\n"digest":"{digest}",\n{rest}'


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--litellm-json", type=Path, required=True, help="model_prices_and_context_window_backup.json")
    arguments.add_argument("--litellm-version", required=True)
    arguments.add_argument("--generated", type=date.fromisoformat, default=datetime.now(UTC).date())
    arguments.add_argument("--check", action="store_true", help="write nothing, fail if the committed files differ")
    options = arguments.parse_args()
    litellm = json.loads(options.litellm_json.read_text())
    by_id = {p.id: p for p in source_providers}
    verified = max(re.findall(r"verified on (\d{4}-\d{2}-\d{2})", " ".join(
        m.price_comments or "" for p in PROVIDERS for m in by_id[p].models)))

    book = {
        "source": "genai-prices",
        "source_version": version("genai-prices"),
        "limits_source": f"litellm {options.litellm_version}",
        "verified": verified,
        "generated": options.generated.isoformat(),
        "providers": {},
    }
    for provider in PROVIDERS:
        content, entries = provider_book(by_id[provider], litellm)
        book["providers"][provider] = content
        cross_check(provider, content, entries, options.generated.isoformat())
    book["providers"]["ollama"] = local_book(litellm)
    book["providers"]["sandbox"] = sandbox_book()

    files = {CRATE / "prices.json": written(book), CRATE / "tests" / "oracle.json": oracle.written(book, options.generated)}
    for path, content in files.items():
        if not options.check:
            path.write_text(content)
        elif not path.exists() or path.read_text() != content:
            raise SystemExit(f"{path} is not what the generator writes")
    print({path.name: len(content) for path, content in files.items()}, file=sys.stderr)


if __name__ == "__main__":
    main()
