"""The tables between rules, as pandera schemas: checked where a table is written."""

import pandera.polars as pa
import polars as pl

from shared.job import InputError

CATEGORIES = ["interpersonal", "coaching", "counselling", "companionship", "roleplay", "romantic"]
CLASSES = ["content_creation", "affective", *CATEGORIES, "professional"]
PUSHBACK_KINDS = ["refusal", "challenge", "redirect", "boundary"]

MESSAGES = pl.List(pl.Struct({"role": pl.Enum(["human", "assistant", "system"]), "text": pl.String}))


def _key(**options):
    return pa.Column(pl.String, unique=True, nullable=False, **options)


def _count():
    return pa.Column(pl.Int32, pa.Check.ge(0))


def _probability(nullable=False):
    return pa.Column(pl.Float64, pa.Check.in_range(0, 1), nullable=nullable)


_CONVERSATION_COLUMNS = {
    "conversation_id": _key(),
    "source_id": pa.Column(pl.String, nullable=True),
    "user_id": pa.Column(pl.String, nullable=True),
    "started_at": pa.Column(pl.Datetime("us", "UTC"), nullable=True),
    "country": pa.Column(pl.String, nullable=True),
    "state": pa.Column(pl.String, nullable=True),
    "source_language": pa.Column(
        pl.String, nullable=True
    ),  # the source's own tag; what is selected goes by our detection
    "model": pa.Column(pl.String, nullable=True),
    "flagged": pa.Column(pl.Boolean, nullable=True),
    "redacted": pa.Column(pl.Boolean, nullable=True),
    "n_records": _count(),  # records (parts) that the conversation was joined from
    "n_missing": _count(),  # messages that the positions of its parts say are missing
    "n_human": _count(),
    "n_assistant": _count(),
    "messages": pa.Column(MESSAGES),
}

CONVERSATIONS = pa.DataFrameSchema(_CONVERSATION_COLUMNS, strict=True)

REJECTS = pa.DataFrameSchema(
    {
        "record": pa.Column(pl.Int64, pa.Check.ge(0)),  # position in the shard, from 0
        "source_id": pa.Column(pl.String, nullable=True),
        "reason": pa.Column(pl.String),
    },
    strict=True,
)

FINGERPRINTS = pa.DataFrameSchema(
    {
        "conversation_id": _key(),
        "valid": pa.Column(pl.Boolean),  # messages by both sides, words in a human one; others never make a duplicate
        "exact": pa.Column(pl.UInt64),  # of the folded human text
        "first_prompt": pa.Column(pl.UInt64),  # of the folded first human message
        "minhash": pa.Column(pl.Array(pl.UInt32, 64)),  # of its word triples
    },
    strict=True,
)

DUPLICATES = pa.DataFrameSchema(
    {
        "shard": pa.Column(pl.String),
        "conversation_id": pa.Column(pl.String),  # as in the shard
        "unique_id": _key(),  # unique in the data set
        "copy_of": pa.Column(pl.String),  # unique_id of the one that stays: its own, if it is no duplicate
        "exact_duplicate": pa.Column(pl.Boolean),
        "near_duplicate": pa.Column(pl.Boolean),
        "repeated_first_prompt": pa.Column(pl.Boolean),
    },
    strict=True,
)

_ORIGIN_COLUMNS = {
    "conversation_id": _key(),  # unique in the data set
    "copy_of": pa.Column(pl.String),  # the conversation that stays for it
    "repeated_first_prompt": pa.Column(pl.Boolean),
    **{name: _CONVERSATION_COLUMNS[name] for name in ["user_id", "started_at", "country", "state"]},
    **{name: _CONVERSATION_COLUMNS[name] for name in ["source_language", "model", "flagged"]},
    "language": pa.Column(pl.String),
}

# Where each conversation of a shard comes from, selected or not; no text.
SHARD_ORIGINS = pa.DataFrameSchema(
    {
        **_ORIGIN_COLUMNS,
        "opening": pa.Column(pl.UInt64, nullable=True),  # of the first words; null if too few, or not selected
    },
    strict=True,
)

ORIGINS = pa.DataFrameSchema(
    {
        **_ORIGIN_COLUMNS,
        "cluster": pa.Column(pl.String),  # the user where the source has users, else the conversation
        "person": pa.Column(pl.Boolean),  # the user key is taken for one person
        "templated": pa.Column(pl.Boolean),  # begins like many others of its key; false if not selected
    },
    strict=True,
)

SELECTED = pa.DataFrameSchema({**_CONVERSATION_COLUMNS, "language": pa.Column(pl.String)}, strict=True)

AFFECT = pa.DataFrameSchema(
    {
        "conversation_id": _key(),
        # Passed the sieve; the others are not affective without being scored, save those that an LLM judge read as a sample of them.
        "candidate": pa.Column(pl.Boolean),
        # Probabilities, calibrated by the offline classifier; 1 or 0 where an LLM judge said yes or no.
        "p_content_creation": _probability(),
        **{f"p_{name}": _probability(nullable=True) for name in CLASSES[1:]},
        "content_creation": pa.Column(pl.Boolean),
        "affective": pa.Column(pl.Boolean),  # as judged, before the study's filters
        "included": pa.Column(pl.Boolean),  # affective, not content creation, roleplay long enough
        "categories": pa.Column(pl.List(pl.Enum(CATEGORIES))),
        "professional": pa.Column(pl.Boolean),
        "compared": pa.Column(pl.Boolean),  # pushback and sentiment are measured: affective, or drawn from the others
    },
    strict=True,
)

PUSHBACK = pa.DataFrameSchema(
    {
        "conversation_id": pa.Column(pl.String),
        "turn": pa.Column(pl.Int32, pa.Check.ge(0)),  # position of the assistant message in the conversation
        "kind": pa.Column(pl.Enum(PUSHBACK_KINDS)),
        "reason": pa.Column(pl.String),
    },
    strict=True,
    unique=["conversation_id", "turn", "kind"],
)

SENTIMENT = pa.DataFrameSchema(
    {
        "conversation_id": pa.Column(pl.String),
        "turn": pa.Column(pl.Int32, pa.Check.ge(0)),  # position of the human message in the conversation
        # VADER's compound score, mean of the sentences, and the linear score: of the human's own words, of everything, and without courtesy.
        **{
            f"{score}{text}": pa.Column(pl.Float64, pa.Check.in_range(-1, 1), nullable=True)
            for score in ("compound", "linear")
            for text in ("", "_unmasked", "_plain")
        },
        "level": pa.Column(pl.Float64, pa.Check.isin([-1.0, -0.5, 0.0, 0.5, 1.0]), nullable=True),  # of `compound`
        "scorable": pa.Column(pl.Boolean),
        "courtesy": pa.Column(pl.Boolean),  # holds words of mere politeness
        "mask": pa.Column(pl.String, nullable=True),  # what was hidden from the scores: code, quote, url, paste
    },
    strict=True,
    unique=["conversation_id", "turn"],
)

# What the human wrote in the conversations that the study counts, each message cut to what the classifier reads of it.
GATHERED = pa.DataFrameSchema(
    {
        "conversation_id": _key(),
        "cluster": pa.Column(pl.String),  # the user where the source has users, else the conversation
        "categories": AFFECT.columns["categories"],
        "n_human": _count(),
        "messages": pa.Column(MESSAGES),
    },
    strict=True,
)

CONCERNS = pa.DataFrameSchema(
    {"conversation_id": _key(), "concerns": pa.Column(pl.List(pl.String))},  # names of config/concerns.yaml
    strict=True,
)

WINDOWS = pa.DataFrameSchema(
    {
        "conversation_id": pa.Column(pl.String),
        "window": pa.Column(pl.Int32, pa.Check.ge(0)),
        "category": pa.Column(pl.Enum(CATEGORIES), nullable=True),  # null where the window is not affective
    },
    strict=True,
    unique=["conversation_id", "window"],
)

TOPICS = pa.DataFrameSchema(
    {
        "conversation_id": pa.Column(pl.String),
        "category": pa.Column(pl.Enum(CATEGORIES)),
        "topic": pa.Column(pl.Int32, pa.Check.ge(0)),
    },
    strict=True,
    unique=["conversation_id", "category"],
)

MEASURES = pa.DataFrameSchema(
    {
        "conversation_id": _key(),
        "cluster": pa.Column(pl.String),  # the user where the source has users, else the conversation
        "user_id": pa.Column(pl.String, nullable=True),
        "person": pa.Column(pl.Boolean),  # the user key is taken for one person
        "started_at": pa.Column(pl.Datetime("us", "UTC"), nullable=True),
        "n_human": _count(),
        "n_assistant": _count(),
        **{
            column: AFFECT.columns[column]
            for column in ["content_creation", "affective", "included", "categories", "professional", "compared"]
        },
        **{kind: pa.Column(pl.Boolean) for kind in PUSHBACK_KINDS},
        "pushback": pa.Column(pl.Boolean),
        "n_pushback": _count(),  # assistant messages with any pushback
        "reason": pa.Column(pl.String, nullable=True),  # of the first pushback
        **{
            f"{scale}_{end}": pa.Column(pl.Float64, pa.Check.in_range(-1, 1), nullable=True)
            for scale in ("level", "compound")
            for end in ("start", "end")
        },
    },
    strict=True,
)


def accounted(what: str, came_in: int, went_out: int) -> None:
    """Stop where something was lost, or counted twice, between two tables.

    Raises:
        InputError: the numbers differ.
    """
    if came_in != went_out:
        raise InputError(
            f"{what}: {came_in:,} came in, {went_out:,} are accounted for. Some table is not of this run: delete data/interim/ and run again; "
            "if the numbers still differ, this is a fault of the workflow."
        )
