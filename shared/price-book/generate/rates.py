"""Turns the prices of one genai-prices model into effective-dated rows with every rate written out."""

from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_CEILING, Decimal

from genai_prices import types as source
from genai_prices.units import _get_registry
from genai_prices.validation import validate_model_price

# What the source calls a price, and what the book calls it. A price of any other name stops the generator.
RATE_NAMES = {
    "input_mtok": "input",
    "cache_read_mtok": "cached_input",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "input_audio_mtok": "audio_input",
    "cache_audio_read_mtok": "cached_audio_input",
    "input_image_mtok": "image_input",
    "cache_image_read_mtok": "cached_image_input",
    "input_video_mtok": "video_input",
    "output_mtok": "output",
    "output_reasoning_mtok": "reasoning",
    "output_audio_mtok": "audio_output",
    "output_image_mtok": "image_output",
    "output_video_mtok": "video_output",
    "input_mchars": "characters",
    "audio_hours": "audio_hours",
    "web_searches_kcount": "web_searches",
    "storage_searches_kcount": "storage_searches",
}
SAME_AS_AUDIO_HOURS = "input_audio_hours"

# The standard price under another name.
STANDARD_TIERS = {"default"}


class Unpriceable(Exception):
    """The model is charged by something the book does not count, such as document pages."""


FINEST = Decimal("0.000000001")


def text(price: Decimal) -> str:
    """Plain decimal text; what is finer than a nano-dollar is rounded up."""
    assert price >= 0, price
    return format(price.quantize(FINEST, ROUND_CEILING).normalize(), "f")


def is_rounded(rate: str) -> bool:
    """Whether the source may have had more digits."""
    return len(rate.partition(".")[2]) == 9


def _rate_card(model_price) -> dict:
    """`rates` and, where the size of the request matters, `tiers`, each complete in itself."""
    prices = {k: v for k, v in vars(model_price).items() if v is not None}
    validate_model_price(set(prices), _get_registry())
    if SAME_AS_AUDIO_HOURS in prices:
        assert prices.pop(SAME_AS_AUDIO_HOURS) == prices["audio_hours"]
    if unknown := set(prices) - set(RATE_NAMES):
        raise Unpriceable(", ".join(sorted(unknown)))
    tiered = [v for v in prices.values() if isinstance(v, source.TieredPrices)]

    def at(start):
        rates = {}
        for key, name in RATE_NAMES.items():
            if (price := prices.get(key)) is None:
                continue
            if isinstance(price, source.TieredPrices):
                reached = [t.price for t in price.tiers if start is not None and t.start <= start]
                price = reached[-1] if reached else price.base
            rates[name] = text(price)
        return rates

    card = {"rates": at(None)}
    starts = sorted({t.start for price in tiered for t in price.tiers})
    if starts:
        card["tiers"] = [{"above_input_tokens": start, "rates": at(start)} for start in starts]
    return card


def _service_tier(when: dict) -> str:
    (key, value), = when.items()
    assert key in ("service_tier", "processing", "speed"), when
    return value


def _is_route(when: dict) -> bool:
    """Whether it is a price of one of OpenRouter's routes to a model. The proxy caps the price, so none but the listed one is reached."""
    return set(when) == {"route"}


def rows(model) -> list[dict]:
    """The price rows of `model`, oldest first, `to` exclusive, without gaps; equal neighbours are one row."""
    conditional = model.prices if isinstance(model.prices, list) else []
    variants = [v for v in model.price_variants or [] if not _is_route(v.when)]
    starts = set()
    for constraint in (item.constraint for item in (*conditional, *variants)):
        if constraint is not None:
            if not isinstance(constraint, source.StartDateConstraint):
                raise Unpriceable("a price by time of day")
            starts.add(constraint.start_date)
    first_day = min(starts) - timedelta(days=1) if starts else datetime(2026, 1, 1, tzinfo=UTC).date()

    table = []
    for start in [None, *sorted(starts)]:
        at = datetime.combine(start or first_day, time(0), tzinfo=UTC)
        row = _rate_card(model.get_prices(at))
        tiers = {}
        for when in (v.when for v in variants if v.constraint is None or v.constraint.active(at)):
            if (name := _service_tier(when)) not in STANDARD_TIERS:
                tiers[name] = _rate_card(model.get_prices(at, when))
        if tiers:
            row["service_tiers"] = dict(sorted(tiers.items()))
        if table and table[-1][1] == row:
            continue
        table.append((start, row))

    dated = []
    for (start, row), (end, _) in zip(table, [*table[1:], (None, None)], strict=True):
        period = {}
        if start:
            period["from"] = start.isoformat()
        if end:
            period["to"] = end.isoformat()
        dated.append(period | row)
    return dated
