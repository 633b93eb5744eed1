"""Labels by conversation id: the label files of resources/labels/ and the planted truth of the control corpus."""

from pathlib import Path

import numpy as np
import polars as pl

from shared.job import InputError
from shared.statistics import effective_size, stratified_interval
from shared.tables import UNIONS

LIST_COLUMNS = ["categories", "pushback"]
REQUIRED = [
    "source",
    "conversation_id",
    "weight",
    "content_creation",
    "affective",
    "categories",
    "professional",
    "pushback",
    "sentiment_start",
    "sentiment_end",
]
MIN_COVERED = 0.9  # of the conversations, for which labels must stand to be a sample of the data set as it was selected
MIN_EFFECTIVE_LABELS = 10  # of what a share is of, from which it is estimated from labels alone
OPTIONAL = {
    "shortened": "0",
    "sure": "",
    "draw": "",
    "stratum": "",
    "pushback_reason": "",
}  # with what a file without the column says


def as_lists(column: str) -> pl.Expr:
    """A column of values joined by |, as lists."""
    return (
        pl.when(pl.col(column).str.len_chars() > 0)
        .then(pl.col(column).str.split("|"))
        .otherwise(pl.lit([], dtype=pl.List(pl.String)))
        .alias(column)
    )


def read_labels(paths: str | Path | list, *, own: list[str] = ()) -> pl.DataFrame:
    """Label files as one table: 0/1 columns as bool, `|`-joined columns as lists, `stratum` with the number of its draw.

    Args:
        paths: label files.
        own: label files that take the place of all other labels of their sources: two probability samples cannot be joined by their weights.

    Raises:
        InputError: a file lacks a column, or a conversation is labelled twice.
    """
    if own:
        mine = read_labels(own)
        others = [read_labels(path) for path in paths if path not in own]
        sources = mine["source"].unique().to_list()
        return pl.concat([*(table.filter(~pl.col("source").is_in(sources)) for table in others), mine])
    tables = []
    for path in [paths] if isinstance(paths, (str, Path)) else paths:
        table = pl.read_csv(path, infer_schema=False).with_columns(pl.col(pl.String).fill_null(""))
        missing = [column for column in REQUIRED if column not in table.columns]
        if missing:
            raise InputError(
                f"{path}: expected the columns {', '.join(REQUIRED)}; missing: {', '.join(missing)}. resources/labels/README.md describes each."
            )
        absent = {name: pl.lit(value) for name, value in OPTIONAL.items() if name not in table.columns}
        tables.append(table.with_columns(**absent).select(*REQUIRED, *OPTIONAL))
    table = pl.concat(tables)
    flags = ["content_creation", "affective", "professional"]
    numbers = ["weight", "sentiment_start", "sentiment_end", "sure"]
    odd = table.filter(
        pl.any_horizontal(~pl.col(flags).is_in(["0", "1"]))
        | pl.any_horizontal((pl.col(numbers) != "") & pl.col(numbers).cast(pl.Float64, strict=False).is_null())
    )
    if odd.height:
        raise InputError(
            f"Labels: {odd['source'][0]}:{odd['conversation_id'][0]}: expected 0 or 1 in {', '.join(flags)} and numbers or nothing in "
            f"{', '.join(numbers)}, found {', '.join(odd.select(flags + numbers).row(0))}. resources/labels/README.md describes each."
        )
    twice = table.filter(pl.struct("source", "conversation_id").is_duplicated())
    if twice.height:
        raise InputError(
            f"Labels: {twice['source'][0]}:{twice['conversation_id'][0]} is labelled twice. Keep one row for each conversation."
        )
    return table.with_columns(
        pl.col(*flags, "shortened") == "1",
        *map(as_lists, LIST_COLUMNS),
        pl.col(numbers).replace("", None).cast(pl.Float64),
        stratum=pl.concat_str("draw", "stratum", separator=" ").str.strip_chars(),
    ).drop("draw")


def parse_turns(cells: pl.Series) -> pl.Series:
    """Lists of struct{turn, kind, reason} from "turn:kind|kind:reason;..."."""
    turns = []
    for cell in cells:
        found = []
        for entry in filter(None, (cell or "").split(";")):
            turn, kinds, reason = entry.split(":")
            found += [{"turn": int(turn), "kind": kind, "reason": reason} for kind in kinds.split("|")]
        turns.append(found)
    return pl.Series(turns, dtype=pl.List(pl.Struct({"turn": pl.Int64, "kind": pl.String, "reason": pl.String})))


def in_cells(pushback: pl.DataFrame) -> pl.DataFrame:
    """conversation_id and found, the cell that parse_turns reads, of each conversation in a contracts.Pushback table."""
    messages = pushback.group_by("conversation_id", "turn").agg(
        entry=pl.col("turn").first().cast(pl.String)
        + ":"
        + pl.col("kind").cast(pl.String).str.join("|")
        + ":"
        + pl.col("reason").first()
    )
    return messages.sort("conversation_id", "turn").group_by("conversation_id").agg(found=pl.col("entry").str.join(";"))


def read_control_labels(path: str | Path) -> pl.DataFrame:
    """The planted truth, in the columns of read_labels and three more.

    `pushback` of the file is "message:kind|kind:reason;..."; here its kinds, and in `pushback_turns` the full list of
    struct{turn, kind, reason}. `split` is train (the classifier learns from it) or check (the instrument check). `language` is ISO 639-1.
    """
    table = pl.read_csv(path, infer_schema=False).with_columns(pl.col(pl.String).fill_null(""))
    turns = parse_turns(table["pushback"])
    return table.with_columns(
        pl.col("content_creation", "affective", "professional") == "1",
        as_lists("categories"),
        pl.col("sentiment_start", "sentiment_end").replace("", None).cast(pl.Float64),
        source=pl.lit("control"),
        shortened=pl.lit(False),
        sure=pl.lit(None, dtype=pl.Float64),
        # The split is random: each part is a simple random sample of the corpus in its language.
        weight=(pl.len().over("language") / pl.len().over("language", "split")).round(4),
        stratum="language",
        pushback_turns=turns,
        pushback_reason=turns.list.first().struct.field("reason").fill_null(""),
        pushback=turns.list.eval(pl.element().struct.field("kind").unique().sort()),
    )


def read_message_labels(path: str | Path) -> pl.DataFrame:
    """Labels of single assistant messages: source, conversation_id, turn (position in the conversation), kinds (list), reason.

    Raises:
        InputError: the file lacks a column, a position is no number, or a message is labelled twice.
    """
    columns = ["source", "conversation_id", "turn", "kinds", "reason"]
    table = pl.read_csv(path, infer_schema=False).with_columns(pl.col(pl.String).fill_null(""))
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise InputError(
            f"{path}: expected the columns {', '.join(columns)}; missing: {', '.join(missing)}. resources/labels/README.md describes each."
        )
    odd = table.filter(
        ~pl.col("turn").str.contains(r"^\d+$") | pl.struct("source", "conversation_id", "turn").is_duplicated()
    )
    if odd.height:
        raise InputError(
            f"{path}: expected each message once, by its position; found {', '.join(odd.select(columns[:3]).row(0))}. Keep one row for each message."
        )
    return table.select("source", "conversation_id", pl.col("turn").cast(pl.Int32), as_lists("kinds"), "reason")


def read_held_out(path: str | Path) -> pl.DataFrame:
    """Predictions beside labels, as train_classifier and train_pushback write them; ids stay text even where all are digits."""
    types = {
        "source": pl.String,
        "conversation_id": pl.String,
        "weight": pl.Float64,
        "stratum": pl.String,
        "found": pl.String,
    }
    return pl.read_csv(path, schema_overrides=types, infer_schema_length=None)


def import_labels(labels: pl.DataFrame, measures: pl.DataFrame, *, dataset: str) -> pl.DataFrame:
    """Labelled conversations that were selected, with `label_*` columns beside the measures.

    Args:
        labels: shared.labels.read_labels.
        measures: contracts.Measures of the data set.
        dataset: labels of this source count.

    Returns:
        The measures of labelled conversations with weight (null outside a probability sample), stratum, weight_compared (the same among those that are
        compared, which stand for the others of their kind; null for the others) and label_affective, label_content_creation, label_professional,
        label_categories, label_pushback (kinds), label_pushback_reason (the main one, empty for none), label_sentiment_start, label_sentiment_end, label_shortened.
    """
    wanted = [
        "affective",
        "content_creation",
        "professional",
        "categories",
        "pushback",
        "pushback_reason",
        "sentiment_start",
        "sentiment_end",
        "shortened",
    ]
    own = labels.filter(source=dataset).select(
        "conversation_id", "weight", "stratum", **{f"label_{name}": pl.col(name) for name in wanted}
    )
    others = measures.filter(~pl.col("affective"))
    stands_for = pl.when("affective").then(1.0).otherwise(others.height / max(1, others["compared"].sum()))
    weight_compared = pl.when("compared").then(pl.col("weight") * stands_for)
    joined = measures.join(own, on="conversation_id", how="inner").sort("conversation_id")
    return joined.with_columns(weight_compared=weight_compared)


def read_whole(path: str | Path) -> pl.DataFrame:
    """read_held_out of pushback, as far as it comes from people's conversations of which the assistant's side was read whole."""
    return read_held_out(path).filter(pl.col("source") != "control", pl.col("shortened").fill_null(0) == 0)


def own_labels(held_out: pl.DataFrame, measures: pl.DataFrame, *, dataset: str) -> pl.DataFrame:
    """The labelled probability sample of a data set, as far as its conversations are selected; empty where it stands for too few of them."""
    own = held_out.filter(pl.col("source") == dataset, pl.col("weight").is_not_null())
    own = own.join(measures.select("conversation_id"), on="conversation_id", how="semi")
    return own if own["weight"].sum() >= MIN_COVERED * measures.height else own.clear()


def held_out_pair(held_out: pl.DataFrame, group: str) -> tuple[np.ndarray, np.ndarray]:
    """(predicted, true), bool, of a group (tables.in_group) on the labelled conversations."""

    def column(kind):
        named = {"affective": f"{kind}_included", "content creation": f"{kind}_content_creation"}
        if group == "not affective":
            return 1 - pl.col(f"{kind}_affective")
        if group in named:
            return pl.col(named[group])
        return pl.col(f"{kind}_included") * pl.max_horizontal([f"{kind}_{name}" for name in UNIONS.get(group, [group])])

    return tuple(held_out.select(column(kind)).to_series().to_numpy().astype(bool) for kind in ("predicted", "true"))


def share_of_labels(
    sample: pl.DataFrame,
    inside: np.ndarray,
    member: np.ndarray,
    *,
    bootstrap: int,
    confidence: float,
    min_positive: int,
    rng: np.random.Generator,
) -> dict[str, float] | None:
    """Share of `member` among the labels `inside`, from their strata; no count of an instrument is in it.

    None where the sample has too few of them, or nearly all were not read for it; and where some, but fewer than `min_positive`, are members, or are not.

    Args:
        sample: own_labels with `cluster`.
        inside: (labels,) bool.
        member: (labels,) 1, 0, or nan where nobody read for it.
    """
    weight, known = sample["weight"].to_numpy(), inside & np.isfinite(member)
    enough = round(effective_size(weight[known]), 6) >= MIN_EFFECTIVE_LABELS
    if not enough or weight[known].sum() < MIN_COVERED * weight[inside].sum():
        return None
    if any(0 < (known & (member == value)).sum() < min_positive for value in (0, 1)):
        return None
    return stratified_interval(
        member == 1,
        known.astype(float),
        weight,
        *(sample[name].to_numpy() for name in ("stratum", "cluster")),
        replicates=bootstrap,
        confidence=confidence,
        rng=rng,
    )


def labels_of_pushback(
    held_out: pl.DataFrame, classes: pl.DataFrame, measures: pl.DataFrame, group: str, *, dataset: str
) -> tuple[pl.DataFrame, np.ndarray, np.ndarray]:
    """The data set's labelled probability sample, who of it is of `group` by the labels, and who has pushback: see share_of_labels."""
    sample = own_labels(classes, measures, dataset=dataset).join(
        measures.select("conversation_id", "cluster"), on="conversation_id"
    )
    read = held_out.filter(source=dataset).select("conversation_id", pushed=pl.col("true_any").cast(pl.Float64))
    sample = sample.join(read, on="conversation_id", how="left", maintain_order="left")
    return sample, held_out_pair(sample, group)[1], sample["pushed"].to_numpy()


def labelled_texts(labels: pl.DataFrame, paths: list[str]) -> pl.DataFrame:
    """The labels whose conversations are at hand, with n_human and messages, sorted by source and id.

    Args:
        labels: read_labels, with the source of each.
        paths: data/interim/{source}/conversations/{shard}.parquet.

    Raises:
        InputError: not one text is at hand.
    """
    texts = [
        pl.read_parquet(path, columns=["conversation_id", "n_human", "messages"]).with_columns(
            source=pl.lit(Path(path).parts[-3])
        )
        for path in paths
    ]
    joined = labels.join(pl.concat(texts), on=["source", "conversation_id"]).sort("source", "conversation_id")
    if not joined.height:
        raise InputError(
            f"Expected labelled conversations among {', '.join(paths)}; found none. Set classify.training_sources to sources that resources/labels/ labels."
        )
    return joined
