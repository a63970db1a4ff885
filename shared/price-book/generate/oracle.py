"""Costs by `genai_prices.calc_price`, for the crate's test to agree with."""

import json
import random
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_CEILING, Decimal

from genai_prices import Usage, calc_price
from rates import is_rounded

# What the book calls a count, and what the source calls it.
COUNTS = {
    "input": "input_tokens",
    "cached_input": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "audio_input": "input_audio_tokens",
    "cached_audio_input": "cache_audio_read_tokens",
    "image_input": "input_image_tokens",
    "cached_image_input": "cache_image_read_tokens",
    "video_input": "input_video_tokens",
    "output": "output_tokens",
    "reasoning": "output_reasoning_tokens",
    "audio_output": "output_audio_tokens",
    "image_output": "output_image_tokens",
    "video_output": "output_video_tokens",
    "characters": "input_characters",
    "audio_seconds": "audio_seconds",
    "web_searches": "web_searches",
    "storage_searches": "storage_searches",
}
CONTEXT = {"batch": [{"processing": "batch"}], "fast": [{"service_tier": "fast"}, {"speed": "fast"}]}


def _split(rng, total, parts):
    """Parts that sum to at most `total`."""
    shares = []
    for _ in range(parts):
        share = rng.choice([0, rng.randint(0, total)])
        shares.append(share)
        total -= share
    return shares


def usage(rng, tiers):
    """A call whose counts fit one another, near a tier's edge as often as not."""
    edges = [t["above_input_tokens"] for t in tiers]
    total = rng.choice([rng.randint(0, 5_000), rng.randint(0, 400_000), *(e + rng.randint(-1, 2) for e in edges)])
    cached, write, audio, image, video = _split(rng, total, 5)
    counts = {"cached_input": cached, "cache_write": write, "cache_write_1h": rng.choice([0, rng.randint(0, write)])}
    # A cached audio token is counted as audio and as cached.
    counts["cached_audio_input"], counts["cached_image_input"] = _split(rng, cached, 2)
    counts["audio_input"] = audio + counts["cached_audio_input"]
    counts["image_input"] = image + counts["cached_image_input"]
    counts |= {"input": total, "video_input": video, "output": rng.randint(0, 70_000)}
    kinds = ("reasoning", "audio_output", "image_output", "video_output")
    counts |= dict(zip(kinds, _split(rng, counts["output"], 4), strict=True))
    counts |= {"characters": rng.randint(0, 4_000), "audio_seconds": rng.choice([0, 3, 10, rng.randint(1, 9_000)])}
    counts |= {"web_searches": rng.choice([0, 0, rng.randint(1, 9)]), "storage_searches": rng.choice([0, 0, 2])}
    return counts


def _nanodollars(provider, model, at, tier, counts):
    contexts = CONTEXT.get(tier, [{"service_tier": tier}]) if tier else [None]
    told = {COUNTS[k]: v for k, v in counts.items()} | {"input_audio_seconds": counts["audio_seconds"]}
    costs = {
        calc_price(Usage(**told), model, provider_id=provider, genai_request_timestamp=at, price_context=c).total_price
        for c in contexts
    }
    # Anthropic's fast is a speed and OpenAI's a service tier: the context that is not the provider's changes nothing.
    standard = calc_price(Usage(**told), model, provider_id=provider, genai_request_timestamp=at).total_price
    cost = (costs - {standard} or {standard}).pop()
    return int((cost * 1_000_000_000).to_integral_value(rounding=ROUND_CEILING))


def _name(rng, model):
    """Any name the entry has, made up ones of the allowed form among them."""
    names = [] if model.get("unlisted") else [model["id"], *model.get("aliases", [])]
    names += [f"{base}{rest}" for base in model.get("dated", []) for rest in ("-20260115", "-2026-01-15")]
    names += [f"{base}-preview" for base in model.get("snapshots", [])]
    names += [f"{base}-x" for base in model.get("prefixes", [])]
    return names


def written(book, generated: date):
    rng = random.Random(f"{book['source']} {book['source_version']}")
    cases = []
    for provider, content in book["providers"].items():
        if provider in ("ollama", "sandbox"):
            continue
        for model in content["models"]:
            for row in model["prices"]:
                end = date.fromisoformat(row["to"]) if "to" in row else max(generated, date.fromisoformat(row.get("from", "2024-01-01"))) + timedelta(days=30)
                start = date.fromisoformat(row["from"]) if "from" in row else end - timedelta(days=30)
                first, last = (datetime.combine(d, time(0), tzinfo=UTC) for d in (start, end))
                at = rng.choice([first, last - timedelta(seconds=1)])
                for tier in [None, *row.get("service_tiers", {})]:
                    counts = usage(rng, row.get("tiers", []))
                    if is_rounded(row["rates"].get("cache_write", "")):
                        counts |= {"cache_write": 0, "cache_write_1h": 0}
                    for name in rng.sample(known := _name(rng, model), len(known)):
                        try:
                            nanos = _nanodollars(provider, name, at, tier, counts)
                        except LookupError:
                            continue
                        cases.append({"provider": provider, "model": name, "at": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
                                     | ({"service_tier": tier} if tier else {})
                                     | {"usage": {k: v for k, v in counts.items() if v}, "nanodollars": nanos})
                        break
    return "[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n"
