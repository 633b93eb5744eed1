"""How values read in the report: shares, counts, changes, intervals, and what markdown must not read."""

SUPPRESSED, ABSENT = "suppressed", "–"
NARROW = "\u00a0"  # no line breaks between a number and its unit

# Reasons of pushback, by their keys in the codebook.
REASONS = {
    "safety_self_harm": "Self-harm or suicide",
    "sexual": "Sexual content",
    "hate_abuse": "Hate or abuse",
    "illegal_harm": "Illegal acts, or harm to others",
    "privacy": "Privacy of others",
    "medical_legal": "Medical or legal advice",
    "self_talk": "Hard words about oneself",
    "ai_status": "What an AI is, and is not",
    "capability": "What it is unable to do",
    "safety_other": "Other dangers",
    "factual": "A claim that is wrong",
    "other": "Other",
}


def percent(share: float | None) -> str:
    """A share in per cent with two significant digits below ten, none after the point above."""
    if share is None:
        return ABSENT
    value = 100 * share
    if value == 0 or value >= 9.95:
        digits = f"{value:.0f}"
    elif value >= 0.95:
        digits = f"{value:.1f}"
    else:
        digits = f"{value:.2g}" if value >= 0.01 else "< 0.01"
    return f"{digits}{NARROW}%"


def signed(value: float | None) -> str:
    """A number of the sentiment scale with its sign."""
    return ABSENT if value is None else f"{value:+.2f}"


def number(value: float | None) -> str:
    """A figure between 0 and 1, two digits."""
    return ABSENT if value is None else f"{value:.2f}"


def count(value: int | None) -> str:
    """A count with thousands separated; a count under the floor is named as such."""
    return SUPPRESSED if value is None else f"{value:,}"


def escape(text: str) -> str:
    """Text that markdown must not read: inline marks, table bars, citations and line breaks."""
    escaped = "".join(f"\\{character}" if character in "\\`*_{}[]<>#|@$~^" else character for character in str(text))
    return " ".join(escaped.split())


def spaced(key: str) -> str:
    """A key of a table as words."""
    return key.replace("_", " ")


def interval(row: dict, prefix: str = "estimate", *, signed: bool = False, plain: bool = False) -> str:
    """ "low to high" of a row's interval."""
    names = ("ci_low", "ci_high") if prefix == "estimate" else (f"{prefix}_ci_low", f"{prefix}_ci_high")
    low, high = (row[name] for name in names)
    if low is None or high is None:
        return ABSENT
    if signed or plain:
        return f"{low:+.2f} to {high:+.2f}" if signed else f"{low:.2f} to {high:.2f}"
    return f"{percent(low)} to {percent(high)}"


def found(claim: dict) -> str:
    """What the data say of a claim: its estimate with its interval, in the claim's own unit."""
    if claim["estimate"] is None or claim["ci_low"] is None:
        return ABSENT
    if claim["unit"] == "change":
        return f"{signed(claim['estimate'])} ({interval(claim, signed=True)})"
    return f"{percent(claim['estimate'])} ({interval(claim)})"


def short_title(title: str) -> str:
    """A data set's title without what stands in brackets behind it."""
    return title.split(" (")[0]


FILTERS = {
    "percent": percent,
    "signed": signed,
    "number": number,
    "count": count,
    "md": escape,
    "reason": REASONS.__getitem__,
}
