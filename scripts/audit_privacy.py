"""Read everything that a run publishes and fail on words of a person, addresses, keys and ids, or cells under their floor."""

import ipaddress
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from shared.counts import NOT_OF_PERSONS, cells_under_floor
from shared.job import InputError, logged
from shared.published import ACCENTS, UNSEEN, Reading, read_published, seen
from shared.text import fold

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

# Every pattern begins where a word does: from within a long one it would look at the rest again and again.
ADDRESSES = {
    "e-mail address": r"(?i)(?<![\w.+-])[\w.+-]+@[\w-]+\.[a-z]{2,}",
    "telephone number": r"(?<![\w.-])(?:\+[1-9](?:[ ()./-]{0,3}\d){8,14}|(?:\+?\d{1,3}[ -])?(?:\(\d{2,4}\) ?|\d{2,4}[ -])\d{3,4}[ -]\d{3,4})(?!\w|[.-]\d)",
    "IP address": r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?!\w|\.\w)",
}
SAMPLE = 2_000  # messages by whose beginnings the rarity of a word is judged
SAMPLE_CHARACTERS = 1_000
PIECE = 4  # words of a run by which folded messages are told
SLICE = 8_000  # conversations that are looked through at a time: two groups of rows, as normalise_shard writes them
LOGS = Path("logs")
# Links and dates stand in every report. Presidio reads e-mail addresses with a list of domains from the network, ADDRESSES without one.
UNREAD = {"URL", "DATE_TIME", "EMAIL_ADDRESS"}
DRAWN = r"\b[mp][0-9a-f]{10}\b"  # markers and clip paths are named so by matplotlib; one in many looks like a licence with its check digit
SURE = 0.4  # of Presidio's score: under it lie patterns that any short word or number meets
MIN_KEY = 4  # characters; a shorter user key cannot be told from a number or a word


def has_luhn_digit(number: str) -> bool:
    """The digits end in the check digit of ISO/IEC 7812-1 (Luhn), and are not one digit over and over."""
    digits = [int(character) for character in number if character.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return len({*digits}) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def has_iban_digits(number: str) -> bool:
    """The letters and digits have the check digits of ISO 13616 (remainder 1 by 97, country and check digits moved to the end)."""
    plain = number.replace(" ", "")
    return int("".join(str(int(character, 36)) for character in plain[4:] + plain[:4])) % 97 == 1


def is_ipv6(groups: str) -> bool:
    """An address of eight groups, or with the gap that stands for those of zeros; a time of day is none."""
    try:
        return ipaddress.IPv6Address(groups) is not None and sum(map(bool, groups.split(":"))) > 2
    except ipaddress.AddressValueError:
        return False


# What is told by more than its pattern: that, and whether what it finds is one.
NUMBERS = {
    "payment card number": (r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?!\w|[.-]\d)", has_luhn_digit),
    "bank account number": (r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)", has_iban_digits),
    "IP address": (r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{1,4}(?![\w:])", is_ipv6),
}
SIGNS = str.maketrans(dict.fromkeys("\u00a0\u2007\u202f", " ") | dict.fromkeys("\u2010\u2011\u2012", "-"))


def addresses_in(reading: Reading) -> dict[str, int]:
    """How many different addresses and numbers of each kind stand in a file; e-mail addresses also where a tag cuts them."""
    parts = [text.translate(SIGNS) for text in reading.texts]
    everything = {name: parts for name in ADDRESSES} | {"e-mail address": parts + reading.joined}
    found = {
        name: {address for part in everything[name] for address in re.findall(pattern, part)}
        for name, pattern in ADDRESSES.items()
    }
    for name, (pattern, genuine) in NUMBERS.items():
        numbers = {number for part in parts for number in re.findall(pattern, part) if genuine(number)}
        found[name] = found.get(name, set()) | numbers
    return {name: len(addresses) for name, addresses in found.items()}


def presidio_recognizers() -> list:
    """Presidio's recognisers that go by patterns and check digits, without a model of language.

    Raises:
        InputError: Presidio is not installed.
    """
    try:
        from presidio_analyzer import RecognizerRegistry
        from presidio_analyzer.predefined_recognizers import PhoneRecognizer, SpacyRecognizer
    except ImportError:
        raise InputError(
            "privacy.second_reader is presidio, but Presidio is not installed here. Run: pip install presidio-analyzer; or set privacy.second_reader to none."
        ) from None
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"])
    others = [one for one in registry.recognizers if not isinstance(one, (PhoneRecognizer, SpacyRecognizer))]
    # Where digits need not be grouped as in a telephone number, the columns of a table are taken for one.
    phones = PhoneRecognizer(leniency=2)
    return [phones, *(one for one in others if UNREAD.isdisjoint(one.supported_entities))]


def second_reading(parts: list[str], recognizers: list) -> dict[str, int]:
    """How often Presidio sees each of its kinds in the texts; a plain number is none, whatever it looks like, nor the name of a drawing's piece."""
    text, counts = re.sub(DRAWN, " ", "\n\n".join(parts)), Counter()
    for recognizer in recognizers:
        found = recognizer.analyze(text, recognizer.supported_entities, None)
        sure = {(one.start, one.end, one.entity_type) for one in found if one.score >= SURE}
        counts.update(kind for start, end, kind in sure if not re.fullmatch(r"\d*\.?\d+", text[start:end]))
    return {kind.replace("_", " ").lower(): number for kind, number in sorted(counts.items())}


def word_runs(texts: list[str], *, n_words: int) -> set[str]:
    """Every run of `n_words` folded words of the texts, three quarters of them with letters: rows of figures are nobody's words."""
    folded = pl.select(fold(pl.lit(pl.Series(texts, dtype=pl.String)))).to_series().to_list()
    runs = set()
    for words in (text.split() for text in folded):
        lettered = [any(character.isalpha() for character in word) for word in words]
        runs |= {
            " ".join(words[i : i + n_words])
            for i in range(len(words) - n_words + 1)
            if 4 * sum(lettered[i : i + n_words]) >= 3 * n_words
        }
    return runs


def telling_words(runs: set[str], texts: pl.Series) -> list[str]:
    """One word of each run, the rarest in a sample of texts: a message without any of them holds none of the runs.

    Words with letters beyond ASCII are left out where a run has others, since their case is not folded when they are looked for.
    """
    words = sorted({word for run in runs for word in run.split()})
    if not words:
        return []
    sample = texts.sample(min(SAMPLE, len(texts)), seed=0).str.head(SAMPLE_CHARACTERS).str.to_lowercase()
    found = sample.str.extract_many(words, overlapping=True).list.unique().explode().drop_nulls()
    common = dict(found.value_counts().iter_rows())
    return sorted({min(run.split(), key=lambda word: (not word.isascii(), common.get(word, 0), word)) for run in runs})


def pieces_of(runs: set[str]) -> list[str]:
    """Words that stand together in each run: a folded text without any of the pieces holds none of the runs.

    The least piece of each, so that runs which overlap mostly share theirs (minimisers: Roberts et al. 2004).
    """
    words = [run.split() for run in runs]
    return sorted({min(" ".join(run[i : i + PIECE]) for i in range(max(len(run) - PIECE, 0) + 1)) for run in words})


def messages_of(shard: pl.DataFrame) -> pl.Series:
    """Every message's text in a table with a column `messages`."""
    return shard.select(pl.col("messages").explode().struct.field("text")).drop_nulls().to_series()


def runs_in_texts(runs: set[str], texts: pl.Series, telling: list[str], pieces: list[str]) -> list[str]:
    """Which of the runs stand in one of the texts; `telling` are their telling_words, `pieces` their pieces_of."""
    if not runs or not len(texts):
        return []
    # Folding every message would cost more than all else that is read here; a word beyond ASCII sends all of them through, and so does a message in
    # which a word may be cut by what is not seen.
    if all(word.isascii() for word in telling):
        texts = texts.filter(texts.str.contains_any([*telling, *UNSEEN], ascii_case_insensitive=True))
    cut = texts.str.contains(f"[{UNSEEN}{ACCENTS}]")
    if cut.any():
        as_seen = texts.filter(cut).str.replace_all(f"[{UNSEEN}]", "").str.normalize("NFC")
        texts = pl.concat([texts.filter(~cut), as_seen])
    folded = pl.select(" " + fold(pl.lit(texts)) + " ").to_series()
    folded = folded.filter(folded.str.contains_any([f" {piece} " for piece in pieces]))
    if folded.is_empty():
        return []
    found = folded.str.extract_many([f" {run} " for run in sorted(runs)], overlapping=True)
    return sorted(run.strip() for run in found.explode().drop_nulls().unique())


def keys_of(shard: pl.DataFrame) -> pl.Series:
    """User keys and conversations' ids in lower case, as far as they can be told from words and numbers. An id leads to the public text."""
    ids = shard["conversation_id"].filter(shard["conversation_id"].str.contains(r"\p{L}|\d{10}"))
    users = shard["user_id"].drop_nulls().unique()
    keys = pl.concat([users.filter(~users.str.contains(r"^\d{1,9}$")), ids])
    return keys.filter(keys.str.len_chars() >= MIN_KEY).str.to_lowercase()


def keys_among(keys: pl.Series, words: pl.Series) -> set[str]:
    """The keys whose every stretch of letters and digits is one of the words."""
    parts = (
        pl.DataFrame({"key": keys}).with_columns(part=pl.col("key").str.extract_all(r"[\p{L}\p{N}]+")).explode("part")
    )
    missed = parts.filter(pl.col("part").is_null() | ~pl.col("part").is_in(words.implode()))
    return set(keys) - set(missed["key"])


def n_keys_in(texts: list[str], keys: set[str]) -> list[int]:
    """How many of the keys stand in each text (all in lower case), not inside a longer word."""
    if not keys:
        return [0] * len(texts)
    standing = (
        pl.Series(texts, dtype=pl.String).str.extract_many(sorted(keys), overlapping=True).list.unique().to_list()
    )
    return [
        sum(bool(re.search(rf"(?<![^\W_]){re.escape(key)}(?![^\W_])", text)) for key in own)
        for text, own in zip(texts, standing, strict=True)
    ]


def audit_privacy(
    published: list[Path],
    own_words: list[str],
    shards: list[Path],
    *,
    min_conversations: int,
    min_users: int,
    n_words: int,
    second_reader: str = "none",
    endpoint: str | None = None,
    exempt: dict[tuple[str, str | None], str] = NOT_OF_PERSONS,
    logs: list[Path] = (),
    threads: int = 1,
) -> pl.DataFrame:
    """Read every published file, every log and every conversation.

    Args:
        published: files of the run.
        own_words: the project's own texts; runs of words in them are not a person's.
        shards: conversations of the data sets.
        min_conversations, min_users, n_words: the floors.
        second_reader: presidio, who reads every published file too; or none.
        endpoint: name of the host that a language model was asked at, if any; one without a dot is taken for a word.
        exempt: {(table, column or None): why its counts have no floor}.
        logs: what the rules wrote of their work; looked through for words and keys only, since addresses of servers belong there.
        threads: slices of conversations that are read at a time.

    Returns:
        reader (workflow, presidio), file (all logs as one), n_words_read, n_findings, findings (their kinds and counts; never the text).

    Raises:
        InputError: a file cannot be read, or holds a table of an earlier run.
    """
    recognizers = presidio_recognizers() if second_reader == "presidio" else []
    readings = read_published(published)
    if logs:
        readings[LOGS] = Reading(["\n".join(path.read_text(encoding="utf-8", errors="replace") for path in logs)])
    own = word_runs([seen(text) for text in own_words], n_words=n_words)
    runs = {path: word_runs([*one.texts, *one.joined], n_words=n_words) - own for path, one in readings.items()}
    lowered = ["\n".join([*one.texts, *one.joined]).lower() for one in readings.values()]
    everything = set().union(*runs.values())
    words = pl.Series(sorted(set().union(*(re.findall(r"[^\W_]+", text) for text in lowered))), dtype=pl.String)
    slices = [
        pl.scan_parquet(shard).select("conversation_id", "user_id", "messages").slice(start, SLICE)
        for shard in shards
        for start in range(0, pl.scan_parquet(shard).select(pl.len()).collect().item(), SLICE)
    ]
    telling = telling_words(everything, messages_of(slices[0].collect())) if slices else []
    pieces = pieces_of(everything)

    def look_through(part):
        table = part.collect()
        return runs_in_texts(everything, messages_of(table), telling, pieces), keys_among(keys_of(table), words)

    leaked, keys = set(), set()
    with ThreadPoolExecutor(threads) as pool:
        for runs_found, keys_found in pool.map(look_through, slices):
            leaked |= {*runs_found}
            keys |= keys_found
    rows = []
    for (path, reading), text, n_keys in zip(readings.items(), lowered, n_keys_in(lowered, keys), strict=True):
        findings = {f"run of {n_words} words of a conversation": len(runs[path] & leaked)}
        findings |= addresses_in(reading) if path != LOGS else {}
        findings["user key or conversation id"] = n_keys
        findings["address of the endpoint"] = int(path != LOGS and "." in (endpoint or "") and endpoint in text)
        findings["cell under the floor"] = sum(
            cells_under_floor(
                Path(name).stem, table, min_conversations=min_conversations, min_users=min_users, exempt=exempt
            )
            for name, table in reading.tables
        )
        seen_by = {"workflow": findings}
        if recognizers and path != LOGS:
            seen_by["presidio"] = second_reading(reading.texts, recognizers)
        for reader, found in seen_by.items():
            kinds = "; ".join(f"{name}: {number}" for name, number in found.items() if number)
            rows.append((reader, str(path), len(reading.texts[0].split()), sum(found.values()), kinds))
    schema = {
        "reader": pl.String,
        "file": pl.String,
        "n_words_read": pl.Int64,
        "n_findings": pl.Int64,
        "findings": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def main():
    root = Path("results") / snakemake.params.run
    output = Path(snakemake.output.audit)
    published = sorted(path for path in root.rglob("*") if path.is_file() and path != output)
    audit = audit_privacy(
        published,
        [Path(path).read_text(encoding="utf-8") for path in snakemake.input.own_words],
        [Path(path) for path in snakemake.input.conversations],
        **snakemake.params.privacy,
        endpoint=snakemake.params.endpoint,
        logs=sorted(path for path in LOGS.rglob("*.log") if path != Path(snakemake.log[0])),
        threads=snakemake.threads,
    )
    print(audit)
    failed = audit.filter(pl.col("n_findings") > 0)
    if failed.height:
        found = "; ".join(
            f"{row['file']} ({row['findings']}; reader: {row['reader']})" for row in failed.iter_rows(named=True)
        )
        raise InputError(
            f"Privacy audit: expected nothing of a person in the results, found {found}. Do not publish; raise the floors under `privacy`, or mend the table or template that shows it."
        )
    # How much stands in the logs depends on what was run, and the same results shall give the same bytes.
    audit.filter(pl.col("file") != str(LOGS)).write_csv(output)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
