"""Turns the match clauses of genai-prices into the four kinds of name the price book knows.

exact      the name itself (`id` and `aliases`)
dated      `base` + a full date: -20250807, @20250807 or -2025-08-07
snapshots  `base` + words that name a version and not another model: -latest, -preview, -exp, -001, -0314, dates
prefixes   `base` + anything (only where the source means that: fine-tuned models, free model families)

The source's own `starts_with` and `contains` are wider: they would price gemini-3.6-flash-lite like gemini-3.6-flash.
An unlisted model has no price; it is never given its neighbour's.
"""

import re

from genai_prices import types as source

WIDE_PREFIXES = re.compile(r"^(ft:|gemma-3)")
DATED = re.compile(r"^(?:-\d{4}-\d{2}-\d{2}|[-@]\d{8})$")
VERSION_WORDS = {"latest", "preview", "exp"}

# Every regular expression the source uses for our providers, and what it means. A new one stops the generator.
KNOWN_REGEXES = {
    r"^(?!.*-[tT][tT][sS](?:$|-))": "not speech; snapshots never cover -tts",
}


def is_snapshot(rest: str) -> bool:
    """Whether `rest`, what follows a base name, only names a version. The Rust side has the same rule."""
    if not rest or rest[0] not in "-@":
        return False
    segments = re.split("[-@]", rest[1:])
    numbers = sum(1 for s in segments if re.fullmatch(r"\d{2,}", s))
    return all(
        s in VERSION_WORDS or re.fullmatch(r"\d{3,}|v\d", s) or (re.fullmatch(r"\d{2}", s) and numbers > 1)
        for s in segments
    )


class Names:
    """The names of one model."""

    def __init__(self, model):
        self.exact, self.dated, self.snapshots, self.prefixes = [], [], [], []
        if model.is_match(model.id):
            self.exact.append(model.id)
        self._add(model.match)
        for base in (*self.dated, *self.snapshots):
            if model.is_match(base):
                self.exact.append(base)
        for kind in ("exact", "dated", "snapshots", "prefixes"):
            setattr(self, kind, list(dict.fromkeys(getattr(self, kind))))

    def _add(self, clause):
        match clause:
            case source.ClauseOr():
                for part in clause.or_:
                    self._add(part)
            case source.ClauseAnd():
                for part in clause.and_:
                    self._add(part)
            case source.ClauseEquals():
                self.exact.append(clause.equals)
            case source.ClauseEndsWith():
                self.exact.append(clause.ends_with)
            case source.ClauseStartsWith():
                self._add_prefix(clause.starts_with)
            case source.ClauseContains():
                self._add_prefix(clause.contains)
            case source.ClauseRegex():
                self._add_regex(clause.regex)
            case _:
                raise SystemExit(f"unknown clause {clause!r}")

    def _add_prefix(self, prefix):
        if WIDE_PREFIXES.match(prefix):
            self.prefixes.append(prefix)
        elif started_date := re.fullmatch(r"(.+?)(?:-20\d\d|@)", prefix):
            self.dated.append(started_date[1])
        elif started_number := re.fullmatch(r"(.+)-0", prefix):
            base = started_number[1]
            # claude-sonnet-4-0 is a version of its own; gemini-2.0-flash-0 begins -001.
            (self.snapshots.append(base) if "gemini" in base else self.snapshots.append(prefix))
        else:
            self.snapshots.append(prefix.rstrip("-"))

    def _add_regex(self, regex):
        if regex in KNOWN_REGEXES:
            return
        shape = re.fullmatch(r"\^(.+?)(?:\[-@\]|-)(\\d.*)", regex)
        if not shape:
            raise SystemExit(f"unknown regular expression {regex!r}")
        base, tail = shape[1].replace("\\.", "."), shape[2]
        if tail in (r"\d{8}$", r"\d{4}-\d{2}-\d{2}$"):
            self.dated.append(base)
        elif tail == r"\d":
            self.snapshots.append(base)
        else:
            raise SystemExit(f"unknown regular expression {regex!r}")

    def covers(self, name: str) -> bool:
        lower = name.lower()
        rests = lambda bases: (lower[len(b):] for b in map(str.lower, bases) if lower.startswith(b))  # noqa: E731
        return (
            lower in map(str.lower, self.exact)
            or any(DATED.match(rest) for rest in rests(self.dated))
            or any(is_snapshot(rest) for rest in rests(self.snapshots))
            or any(True for _ in rests(self.prefixes))
        )
