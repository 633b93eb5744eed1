"""The tables between rules: their columns and keys, checked where a table is written."""

import sys

# SQLAlchemy comes with Snakemake, and dataframely loads it where it can: a fifth of a second in every job, for databases that no table meets.
sys.modules.setdefault("sqlalchemy", None)
import dataframely as dy  # noqa: E402
import polars as pl  # noqa: E402

from shared.job import InputError  # noqa: E402

if sys.modules["sqlalchemy"] is None:
    del sys.modules["sqlalchemy"]

CATEGORIES = ["interpersonal", "coaching", "counselling", "companionship", "roleplay", "romantic"]
CLASSES = ["content_creation", "affective", *CATEGORIES, "professional"]
PUSHBACK_KINDS = ["refusal", "challenge", "redirect", "boundary"]


class Table(dy.Schema):
    """Columns are never null unless they say so; those of a primary key are unique together."""

    @classmethod
    def types(cls) -> pl.Schema:
        """Name and type of each column."""
        return cls.create_empty().schema

    @classmethod
    def checked(cls, table: pl.DataFrame) -> pl.DataFrame:
        """The table, its columns in the declared order.

        Raises:
            InputError: a column that is not declared.
            dataframely.exc.SchemaError, dataframely.exc.ValidationError: a column that is missing or of another type; values that a column does not allow.
        """
        undeclared = sorted(set(table.columns) - set(cls.column_names()))
        if undeclared:
            raise InputError(
                f"Columns that {cls.__name__} does not declare: {', '.join(undeclared)}. This is a fault of the workflow."
            )
        return cls.validate(table)


def _messages():
    return dy.List(dy.Struct({"role": dy.Enum(["human", "assistant", "system"]), "text": dy.String()}))


def _categories():
    return dy.List(dy.Enum(CATEGORIES))


def _probability(**options):
    return dy.Float64(min=0, max=1, **options)


def _sentiment():
    return dy.Float64(min=-1, max=1, nullable=True)


def _moment():
    return dy.Datetime(time_unit="us", time_zone="UTC", nullable=True)


class Conversations(Table):
    """Conversations of a shard as the source has them, in one schema."""

    conversation_id = dy.String(primary_key=True)
    source_id = dy.String(nullable=True)
    user_id = dy.String(nullable=True)
    started_at = _moment()
    country = dy.String(nullable=True)
    state = dy.String(nullable=True)
    source_language = dy.String(nullable=True)  # the source's own tag; what is selected goes by our detection
    model = dy.String(nullable=True)
    flagged = dy.Bool(nullable=True)
    redacted = dy.Bool(nullable=True)
    n_records = dy.Int32(min=0)  # records (parts) that the conversation was joined from
    n_missing = dy.Int32(min=0)  # messages that the positions of its parts say are missing
    n_human = dy.Int32(min=0)
    n_assistant = dy.Int32(min=0)
    messages = _messages()


MESSAGES = Conversations.types()["messages"]


class Rejects(Table):
    """Records of a shard that could not be read."""

    record = dy.Int64(min=0)  # position in the shard, from 0
    source_id = dy.String(nullable=True)
    reason = dy.String()


class Fingerprints(Table):
    """Keys by which duplicates are found; no text."""

    conversation_id = dy.String(primary_key=True)
    valid = dy.Bool()  # messages by both sides, words in a human one; others never make a duplicate
    exact = dy.UInt64()  # of the folded human text
    first_prompt = dy.UInt64()  # of the folded first human message
    minhash = dy.Array(dy.UInt32(), 64)  # of its word triples
    beginnings = dy.List(dy.UInt64())  # of the first, first two, ... messages of both sides; empty of published data


class Duplicates(Table):
    """Which conversations of a data set repeat another."""

    shard = dy.String()
    conversation_id = dy.String()  # as in the shard
    unique_id = dy.String(primary_key=True)  # unique in the data set
    copy_of = dy.String()  # unique_id of the one that stays: its own, if it is no duplicate
    exact_duplicate = dy.Bool()
    near_duplicate = dy.Bool()
    first_prompt = dy.UInt64()  # as in Fingerprints
    repeated_first_prompt = dy.Bool()


class _Origin(Table):
    conversation_id = dy.String(primary_key=True)  # unique in the data set
    copy_of = dy.String()  # the conversation that stays for it
    repeated_first_prompt = dy.Bool()
    user_id = dy.String(nullable=True)
    started_at = _moment()
    country = dy.String(nullable=True)
    state = dy.String(nullable=True)
    source_language = dy.String(nullable=True)
    model = dy.String(nullable=True)
    flagged = dy.Bool(nullable=True)
    language = dy.String()


class ShardOrigins(_Origin):
    """Where each conversation of a shard comes from, selected or not; no text."""

    first_prompt = dy.UInt64()  # as in Fingerprints
    opening = dy.UInt64(nullable=True)  # of the first words; null if too few, or not selected


class Origins(_Origin):
    """Behind which conversations of a data set one person stands, and which begin like many others; no text."""

    cluster = dy.String()  # the user where the source has users, else the conversation
    author = dy.UInt64()  # whom floors count: the user; where none is known, whoever sends the same first prompt
    person = dy.Bool()  # the user key is taken for one person
    templated = dy.Bool()  # begins like many others of its key; false if not selected


class Selected(Conversations):
    """Conversations that are analysed."""

    language = dy.String()
    first_prompt = dy.UInt64()  # as in Fingerprints


class _Judged(Table):
    conversation_id = dy.String(primary_key=True)
    content_creation = dy.Bool()
    affective = dy.Bool()  # as judged, before the study's filters
    included = dy.Bool()  # affective, not content creation, roleplay long enough
    categories = _categories()
    professional = dy.Bool()
    compared = dy.Bool()  # pushback and sentiment are measured: affective, or drawn from the others


class Affect(_Judged):
    """What each selected conversation is."""

    # Passed the sieve; the others are not affective without being scored, save those that an LLM judge read as a sample of them.
    candidate = dy.Bool()
    # Probabilities, calibrated by the offline classifier; 1 or 0 where an LLM judge said yes or no.
    p_content_creation = _probability()
    p_affective = _probability(nullable=True)
    p_interpersonal = _probability(nullable=True)
    p_coaching = _probability(nullable=True)
    p_counselling = _probability(nullable=True)
    p_companionship = _probability(nullable=True)
    p_roleplay = _probability(nullable=True)
    p_romantic = _probability(nullable=True)
    p_professional = _probability(nullable=True)


class Pushback(Table):
    """Assistant messages that push back, a row for each kind."""

    conversation_id = dy.String(primary_key=True)
    turn = dy.Int32(min=0, primary_key=True)  # position of the assistant message in the conversation
    kind = dy.Enum(PUSHBACK_KINDS, primary_key=True)
    reason = dy.String()


class Sentiment(Table):
    """Human messages of compared conversations, scored."""

    conversation_id = dy.String(primary_key=True)
    turn = dy.Int32(min=0, primary_key=True)  # position of the human message in the conversation
    # VADER's compound score, mean of the sentences, and the linear score: of the human's own words, of everything, and without courtesy.
    compound = _sentiment()
    compound_unmasked = _sentiment()
    compound_plain = _sentiment()
    linear = _sentiment()
    linear_unmasked = _sentiment()
    linear_plain = _sentiment()
    level = dy.Float64(nullable=True, check=lambda level: level.is_in([-1.0, -0.5, 0.0, 0.5, 1.0]))  # of `compound`
    scorable = dy.Bool()
    courtesy = dy.Bool()  # holds words of mere politeness
    mask = dy.String(nullable=True)  # what was hidden from the scores: code, quote, url, paste


class Gathered(Table):
    """What the human wrote in the conversations that the study counts, each message cut to what the classifier reads of it."""

    conversation_id = dy.String(primary_key=True)
    author = dy.UInt64()  # as in Origins
    categories = _categories()
    n_human = dy.Int32(min=0)
    messages = _messages()


class Concerns(Table):
    """What the included conversations are about, by phrases."""

    conversation_id = dy.String(primary_key=True)
    concerns = dy.List(dy.String())  # names of config/concerns.yaml


class Windows(Table):
    """What each part of a long conversation is."""

    conversation_id = dy.String(primary_key=True)
    window = dy.Int32(min=0, primary_key=True)
    category = dy.Enum(CATEGORIES, nullable=True)  # null where the window is not affective


class Topics(Table):
    """The discovered topic of each conversation in each of its categories."""

    conversation_id = dy.String(primary_key=True)
    category = dy.Enum(CATEGORIES, primary_key=True)
    topic = dy.Int32(min=0)


class Measures(_Judged):
    """All that the analyses need to know of a selected conversation; no text."""

    cluster = dy.String()  # the user where the source has users, else the conversation
    author = dy.UInt64()  # as in Origins
    user_id = dy.String(nullable=True)
    person = dy.Bool()  # the user key is taken for one person
    started_at = _moment()
    n_human = dy.Int32(min=0)
    n_assistant = dy.Int32(min=0)
    refusal = dy.Bool()
    challenge = dy.Bool()
    redirect = dy.Bool()
    boundary = dy.Bool()
    pushback = dy.Bool()
    n_pushback = dy.Int32(min=0)  # assistant messages with any pushback
    reason = dy.String(nullable=True)  # of the first pushback
    level_start = _sentiment()
    level_end = _sentiment()
    compound_start = _sentiment()
    compound_end = _sentiment()


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
