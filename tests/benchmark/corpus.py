"""A corpus of the shape of WildChat-1M, for measuring speed: its shards, columns, lengths, languages, users and duplicates; no real text."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

CONTROL = Path(__file__).resolve().parents[2] / "resources" / "control"
N_SHARDS = 14
# Zhao et al. 2024 (WildChat): 2.5 turns; 296 tokens in a human message (standard deviation 1,609), 441 (411) in a reply; four characters a token.
# A log-normal has these means and deviations with the following medians (characters) and sigmas.
HUMAN_LENGTH = (214, 1.85)
REPLY_LENGTH = (1_290, 0.79)
MAX_LENGTH = 60_000
USERS_PER_CONVERSATION = 0.197
EXACT_DUPLICATES = 0.12
NEAR_DUPLICATES = 0.02
AFFECTIVE = 0.03
# Share of conversations, the tag that the source gives, and a few words of each language (of the script, at least).
LANGUAGES = {
    "English": (0.525, ""),
    "Chinese": (
        0.233,
        "我们 今天 如何 使用 这个 程序 请问 可以 帮助 学习 中国 城市 问题 因为 所以 写一篇 关于 文章 的 和 是 不 了解",
    ),
    "Russian": (
        0.119,
        "как можно написать текст для сайта пожалуйста расскажи мне что такое в городе и не было когда люди работа",
    ),
    "French": (
        0.044,
        "comment puis je écrire un texte pour mon travail avec les enfants dans la ville et nous sommes très heureux",
    ),
    "Spanish": (
        0.043,
        "cómo puedo escribir un texto para mi trabajo con los niños en la ciudad y estamos muy contentos ahora",
    ),
    "German": (
        0.036,
        "wie kann ich einen Text für meine Arbeit schreiben mit den Kindern in der Stadt und wir sind sehr froh",
    ),
}
MODELS = ["gpt-3.5-turbo-0613", "gpt-4-1106-preview", "gpt-3.5-turbo-0301", "gpt-4-0314"]
PLACES = [
    ("United States", "Texas"),
    ("China", "Guangdong"),
    ("Russia", "Moscow"),
    ("Germany", "Berlin"),
    ("India", "Kerala"),
]


def pieces(rng: random.Random) -> dict[tuple[str, str], list[str]]:
    """{(role, language or "affective"): sentences}: those of the control corpus, each with words swapped for generated ones."""
    affective = {
        row["conversation_id"] for row in pl.read_csv(CONTROL / "labels.csv").filter(affective=1).iter_rows(named=True)
    }
    syllables = [a + b for a in "bdfgklmnprstv" for b in "aeiou"]
    generated = ["".join(rng.choices(syllables, k=rng.randint(2, 4))) for _ in range(3_000)]
    found = {}
    with open(CONTROL / "conversations.jsonl", encoding="utf-8") as file:
        for record in map(json.loads, file):
            kind = "affective" if record["conversation_hash"] in affective else "English"
            for message in record["conversation"]:
                role = message["role"]
                # What the assistant answers is of one kind: pushback belongs to the affective ones.
                found.setdefault((role, kind), []).extend(message["content"].replace("\n", " ").split(". "))
    for language, (_, words) in LANGUAGES.items():
        if words:
            sentences = [" ".join(rng.choices(words.split(), k=rng.randint(5, 14))) for _ in range(400)]
            found[("user", language)] = found[("assistant", language)] = sentences
    varied = {}
    for key, sentences in found.items():
        varied[key] = []
        for sentence in sentences * max(1, 4_000 // len(sentences)):
            words = sentence.split()
            if len(words) > 6:
                words[rng.randrange(len(words))] = rng.choice(generated)
            varied[key].append(" ".join(words) + ". ")
    return varied


def message(sentences: list[str], length: int, rng: random.Random) -> str:
    """About `length` characters of random sentences."""
    text = "".join(rng.choices(sentences, k=max(1, length // 70)))
    return text[: max(length, 8)]


def shard(
    numbers: range, n_users: int, rng: random.Random, random_numbers: np.random.Generator, sentences: dict
) -> pl.DataFrame:
    """Conversations under WildChat's columns: {conversation_hash, model, timestamp, conversation, turn, language, ...}."""
    n = len(numbers)
    turns = np.minimum(
        random_numbers.geometric(0.62, n) + (random_numbers.random(n) < 0.08) * random_numbers.geometric(0.09, n), 500
    )
    languages = rng.choices(list(LANGUAGES), weights=[share for share, _ in LANGUAGES.values()], k=n)
    users = (random_numbers.random(n) ** 3 * n_users).astype(
        int
    )  # a few keys stand for many conversations, as with real ones
    kinds = random_numbers.random(n)
    rows, before = [], []
    for place, number in enumerate(numbers):
        language = languages[place]
        kind = "affective" if language == "English" and random_numbers.random() < AFFECTIVE else language
        lengths = {
            role: np.minimum(random_numbers.lognormal(np.log(median), sigma, turns[place]), MAX_LENGTH).astype(int)
            for role, (median, sigma) in {"user": HUMAN_LENGTH, "assistant": REPLY_LENGTH}.items()
        }
        texts = [
            (role, message(sentences[role, kind], int(lengths[role][turn]), rng))
            for turn in range(turns[place])
            for role in ("user", "assistant")
        ]
        if before and kinds[place] < EXACT_DUPLICATES + NEAR_DUPLICATES:
            language, texts = rng.choice(before)
            if kinds[place] > EXACT_DUPLICATES:
                texts = [(role, text + (" again" if role == "user" else "")) for role, text in texts]
        else:
            before.append((language, texts))
        user, (country, state) = f"{users[place]:032x}", PLACES[users[place] % len(PLACES)]
        when = datetime(2023, 4, 9, tzinfo=UTC) + timedelta(minutes=number % 500_000)
        rows.append(
            {
                "conversation_hash": f"{number:032x}",
                "model": MODELS[number % len(MODELS)],
                "timestamp": when,
                "conversation": [
                    {
                        "content": text,
                        "country": country if role == "user" else None,
                        "hashed_ip": user if role == "user" else None,
                        "header": {"accept-language": "en", "user-agent": "browser"} if role == "user" else None,
                        "language": language,
                        "redacted": False,
                        "role": role,
                        "state": state if role == "user" else None,
                        "timestamp": None if role == "user" else when,
                        "toxic": False,
                        "turn_identifier": number * 10 + turn,
                    }
                    for turn, (role, text) in enumerate(texts)
                ],
                "turn": len(texts) // 2,
                "language": language,
                "openai_moderation": [
                    {"flagged": False, "category_scores": {"hate": 0.01, "violence": 0.02}} for _ in texts
                ],
                "detoxify_moderation": [{"insult": 0.01, "toxicity": 0.02} for _ in texts],
                "toxic": False,
                "redacted": False,
                "state": state,
                "country": country,
                "hashed_ip": user,
                "header": {"accept-language": "en", "user-agent": "browser"},
            }
        )
    return pl.DataFrame(rows, infer_schema_length=200)


def build(folder: Path, n: int, *, seed: int = 1) -> list[Path]:
    """Write `n` conversations in N_SHARDS Parquet files under `folder`, unless they are there; the same bytes for the same seed."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"train-{number:05d}-of-{N_SHARDS:05d}.parquet" for number in range(N_SHARDS)]
    sentences = pieces(random.Random(seed))
    for number, path in enumerate(paths):
        if path.exists():
            continue
        numbers = range(n * number // N_SHARDS, n * (number + 1) // N_SHARDS)
        rng, random_numbers = random.Random(seed + number), np.random.default_rng([seed, number])
        # In slices, so that a shard of 71,000 conversations as Python objects does not fill the memory.
        step = 10_000
        slices = [
            shard(
                range(start, min(start + step, numbers.stop)),
                int(n * USERS_PER_CONVERSATION),
                rng,
                random_numbers,
                sentences,
            )
            for start in range(numbers.start, numbers.stop, step)
        ]
        partial = path.with_suffix(".partial")
        pl.concat(slices).write_parquet(partial)
        partial.rename(path)
    return paths
