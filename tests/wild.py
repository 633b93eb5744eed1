"""A corpus in the shape of WildChat, with its traps planted: shared keys, a break of the keys, wrong tags, copies, templates."""

import json
import random
from pathlib import Path

PLACES = [
    "harbour",
    "orchard",
    "library",
    "kitchen",
    "valley",
    "station",
    "meadow",
    "attic",
    "bakery",
    "lighthouse",
    "workshop",
    "ferry",
]
THINGS = [
    "kettle",
    "ladder",
    "compass",
    "lantern",
    "violin",
    "blanket",
    "barrel",
    "clock",
    "mirror",
    "teapot",
    "bicycle",
    "ribbon",
]
MANNERS = [
    "old",
    "copper",
    "narrow",
    "painted",
    "folded",
    "heavy",
    "borrowed",
    "quiet",
    "crooked",
    "spare",
    "woollen",
    "bright",
]
PEOPLE = [
    "sister",
    "brother",
    "mother",
    "neighbour",
    "cousin",
    "flatmate",
    "partner",
    "daughter",
    "colleague",
    "friend",
]
FEELINGS = ["lonely", "ashamed", "anxious", "worthless", "overwhelmed", "hopeless", "guilty", "heartbroken"]
COUNTRIES = {"Canada": "Quebec", "Kenya": "Nakuru", "Norway": "Troms", "Chile": "Maule", "Japan": "Gifu"}

# How many conversations of each kind there are, by how many keys: what the tests compare the findings with.
N_PERSONS, N_AFFECTIVE_PERSONS, N_GERMAN, N_YORUBA = 300, 40, 40, 30
N_SHARED, N_PER_SHARED, N_AFFECTIVE_PER_SHARED = 12, 16, 2
N_LATE, N_AFFECTIVE_LATE = 90, 15
N_TEMPLATE_USERS, N_PER_TEMPLATE_USER = 14, 22
N_COPIES, N_AFFECTIVE_COPIES = 40, 15


def task(draw: random.Random) -> str:
    """A question about things."""
    parts = [
        f"How do I move a {draw.choice(MANNERS)} {draw.choice(THINGS)} from the {draw.choice(PLACES)} to the "
        f"{draw.choice(PLACES)} number {draw.randrange(1000)}?",
        f"List what a {draw.choice(MANNERS)} {draw.choice(THINGS)} weighs beside {draw.randrange(2, 90)} of a "
        f"{draw.choice(MANNERS)} {draw.choice(THINGS)}.",
        f"Sort the {draw.choice(PLACES)}, the {draw.choice(PLACES)} and the {draw.choice(PLACES)} by size.",
    ]
    return " ".join(draw.sample(parts, 2))


def trouble(draw: random.Random) -> str:
    """Somebody's sorrow, with a wish for support."""
    person, other = draw.choice(PEOPLE), draw.choice(PEOPLE)
    parts = [
        f"I feel so {draw.choice(FEELINGS)} since my {person} stopped talking to me after {draw.randrange(2, 90)} years.",
        f"I cry every night in the {draw.choice(PLACES)} and I am {draw.choice(FEELINGS)} and {draw.choice(FEELINGS)}.",
        f"My {other} says I am a burden, and I do not know how to cope with my feelings about the {draw.choice(THINGS)}.",
        f"My therapist thinks my anxiety began when my {other} left the {draw.choice(PLACES)}, and it hurts me a lot.",
    ]
    return " ".join(draw.sample(parts, 3)) + " How can I deal with these emotions? I just need someone to listen to me."


def record(draw, user, text, *, time="2024-05-01", country="Canada", tag="English") -> dict:
    """One conversation as WildChat writes it."""
    messages = [{"role": "user", "content": text}, {"role": "assistant", "content": f"Noted, {draw.randrange(10**6)}."}]
    return {
        "conversation_hash": f"{draw.getrandbits(128):032x}",
        "model": "gpt-4o",
        "timestamp": f"{time}T{draw.randrange(24):02}:00:00+00:00",
        "conversation": messages,
        "language": tag,
        "toxic": False,
        "redacted": False,
        "country": country,
        "state": COUNTRIES[country],
        "hashed_ip": f"{user}-{random.Random(user).getrandbits(64):016x}",
    }


def wild_records(seed: int = 5) -> list[dict]:
    """The corpus, in random order but for copies, which come last."""
    draw = random.Random(seed)
    records, copied = [], []
    for number in range(N_PERSONS):
        user, affective = f"person{number}", number < N_AFFECTIVE_PERSONS
        first = record(draw, user, trouble(draw) if affective else task(draw))
        copied.append(first)
        records += [
            first,
            record(draw, user, task(draw), tag="Yoruba" if number >= N_PERSONS - N_YORUBA else "English"),
        ]
    for number in range(N_GERMAN):
        where = f"{draw.choice(PLACES)} {draw.choice(THINGS)} {draw.randrange(1000)}"
        text = f"Kannst du mir bitte sagen, wie ich heute Abend ohne Auto nach Hause komme? Ich bin hier: {where}."
        records.append(record(draw, f"german{number}", text, tag="German"))
    for number in range(N_SHARED):
        for turn in range(N_PER_SHARED):
            text = trouble(draw) if turn < N_AFFECTIVE_PER_SHARED else task(draw)
            records.append(record(draw, f"shared{number}", text, country=list(COUNTRIES)[turn % 4]))
    for number in range(N_LATE):
        text = trouble(draw) if number < N_AFFECTIVE_LATE else task(draw)
        records.append(record(draw, f"late{number}", text, time="2024-10-01"))
    for number in range(N_TEMPLATE_USERS):
        for _ in range(N_PER_TEMPLATE_USER):
            text = f"Write one picture prompt for an image generator about this: {task(draw)}"
            records.append(record(draw, f"template{number}", text))
    draw.shuffle(records)
    affective, others = copied[:N_AFFECTIVE_COPIES], copied[N_AFFECTIVE_PERSONS : N_AFFECTIVE_PERSONS + N_COPIES]
    for number, original in enumerate([*affective, *others]):
        records.append(record(draw, f"copier{number}", original["conversation"][0]["content"]))
    return records


def write_wild(folder: Path) -> Path:
    """The corpus as two files of JSON lines, and the configuration that describes it; returns the configuration."""
    records = wild_records()
    for number in range(2):
        lines = "".join(json.dumps(entry) + "\n" for entry in records[number::2])
        (folder / f"wild{number}.jsonl").write_text(lines, encoding="utf-8")
    config = folder / "wild.yaml"
    config.write_text(
        f"""run: wild
datasets: [own-logs]
sources:
  own-logs:
    files: ["{folder}/wild*.jsonl"]
    available: [user, time, country, model, moderation]
    user_key_until: "2024-09-30"
    removed: {{n_public: 800, n_all: 1000, why: its makers left out what they would not show, source: made up}}
""",
        encoding="utf-8",
    )
    return config
