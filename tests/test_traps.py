"""The traps of public data sets: persons behind keys, templates, other selections, capabilities, and what their counts must not tell."""

import csv
import itertools
from datetime import UTC, datetime

import polars as pl
import pytest
import wild
from assess_capabilities import ANALYSES, SYNTHETIC, assess_capabilities
from compare_selections import compare_selections
from conftest import ROOT, copy_project, snakemake
from count_traps import MAX_PAIRS, compared_languages, count_traps, wrong_tags
from hypothesis import given, settings
from hypothesis import strategies as st
from mark_origins import mark_origins
from test_estimates import FLOORS, PERFECT, affective, measures, prevalence

from shared import contracts
from shared.persons import author

PERSON = {"max_conversations": 5, "max_countries": 2, "max_languages": 2, "max_states": 2}
TEMPLATE = {"words": 8, "min_conversations": 3}
BEFORE, LAST, AFTER = (datetime(2024, *day, 12, tzinfo=UTC) for day in [(5, 1), (9, 30), (10, 1)])


def shard(*rows):
    """Rows of shard origins; each is (number of rows, changes of the default row)."""
    table = []
    for n, changes in rows:
        for _ in range(n):
            name = f"c{len(table):04}"
            row = dict.fromkeys(contracts.ShardOrigins.column_names()) | {
                "conversation_id": name,
                "copy_of": name,
                "repeated_first_prompt": False,
                "first_prompt": len(table),
                "started_at": BEFORE,
                "language": "en",
            }
            table.append(row | changes)
    kinds = contracts.ShardOrigins.types()
    return pl.DataFrame(table, schema=kinds)


def marked(*rows, until=None):
    origins = mark_origins(shard(*rows), person=PERSON, template=TEMPLATE, user_key_until=until)
    return contracts.Origins.checked(origins)


# Persons


def test_a_key_is_a_person_up_to_its_most_conversations():
    origins = marked((5, {"user_id": "few"}), (6, {"user_id": "many"}))
    assert origins["person"].to_list() == [True] * 5 + [False] * 6


@pytest.mark.parametrize("column", ["country", "state", "language"])
def test_a_key_with_too_many_places_or_languages_is_no_person_in_any_of_its_conversations(column):
    few = [(1, {"user_id": "few", column: value}) for value in ("en", "de")]
    many = [(1, {"user_id": "many", column: value}) for value in ("en", "de", "fr")]
    assert marked(*few, *many)["person"].to_list() == [True] * 2 + [False] * 3


def test_what_is_not_known_is_not_counted():
    places = [(1, {"user_id": "u", "country": value, "state": value}) for value in ("a", "b", None)]
    tongues = [(1, {"user_id": "u", "language": value}) for value in ("de", "und")]
    assert marked(*places, *tongues)["person"].all()


def test_the_source_s_language_tags_do_not_count():
    assert marked(*((1, {"user_id": "u", "source_language": tag}) for tag in "abcd"))["person"].all()


def test_duplicates_count_for_the_key_that_sent_them():
    assert not marked((6, {"user_id": "u", "copy_of": "c0000"}))["person"].any()


def test_without_a_key_there_is_no_person_and_each_conversation_is_a_cluster():
    origins = marked((2, {}))
    assert origins.select("cluster", "person").rows() == [("c0000", False), ("c0001", False)]


def test_whoever_sends_the_same_first_prompt_is_one_author_where_no_user_is_known():
    alike = marked((12, {"first_prompt": 7}), (1, {"first_prompt": 8}))
    assert alike["author"].n_unique() == 2 and alike["cluster"].n_unique() == 13
    keyed = marked(*((1, {"first_prompt": 7, "user_id": f"u{number}"}) for number in range(12)))
    assert keyed["author"].n_unique() == 12


def test_after_the_break_there_is_no_person_but_the_key_stays_the_cluster():
    days = [(1, {"user_id": "u", "started_at": time}) for time in (BEFORE, LAST, AFTER, None)]
    origins = marked(*days, until="2024-09-30")
    assert origins["person"].to_list() == [True, True, False, False]
    assert origins["cluster"].unique().to_list() == ["u"]


def test_no_conversations_have_no_origins():
    assert marked().height == 0


# Templates


def test_as_many_alike_openings_of_one_user_are_templated():
    origins = marked((3, {"user_id": "u", "opening": 7}), (2, {"user_id": "v", "opening": 7}), (1, {"user_id": "u"}))
    assert origins["templated"].to_list() == [True] * 3 + [False] * 3


def test_without_users_the_whole_data_set_is_one_key():
    assert marked((3, {"opening": 7}), (2, {"opening": 8}), (4, {}))["templated"].to_list() == [True] * 3 + [False] * 6


# Other selections


def corpus(*groups):
    """Measures and origins of conversations by users of their own; each group is (number, changes of origins, affective)."""
    rows, outcomes = [], []
    for n, changes, is_affective in groups:
        for _ in range(n):
            rows.append((1, {"user_id": f"u{len(rows)}"} | changes))
            outcomes.append(is_affective)
    table = shard(*((1, {key: value for key, value in row.items() if key != "person"}) for _, row in rows))
    origins = table.with_columns(
        cluster=pl.coalesce("user_id", "conversation_id"),
        author=author(),
        person=pl.Series([row.get("person", row["user_id"] is not None) for _, row in rows], dtype=pl.Boolean),
        templated=pl.col("opening").is_not_null(),
    ).select(contracts.Origins.column_names())
    kept = origins.with_columns(included=pl.Series(outcomes, dtype=pl.Boolean)).filter(
        pl.col("conversation_id") == pl.col("copy_of")
    )
    return kept.select("conversation_id", "user_id", "included"), origins


def compare(*groups, **floors):
    return compare_selections(*corpus(*groups), dataset="own", **(FLOORS | floors))


def counts(table, selection):
    found = table.filter(selection=selection)
    return found.select("n_conversations", "n_users", "n_affective").row(0)


BASE = [(60, {}, False), (40, {}, True)]


def test_selections_are_plain_counts():
    table = compare(
        *BASE,
        (30, {"person": False}, False),
        (20, {"person": False}, True),
        (15, {"opening": 7}, False),
        (25, {"copy_of": "c0060"}, True),
    )
    assert counts(table, "as selected") == (165, 165, 60)
    assert counts(table, "persons only") == (115, 115, 40)
    assert counts(table, "with duplicates") == (190, 190, 85)
    assert counts(table, "without templates") == (150, 150, 60)
    assert table.filter(selection="with duplicates")["share_affective"].item() == round(85 / 190, 6)


def test_one_per_person_is_one_conversation_of_each_person():
    several = [(1, {"user_id": f"p{n}"}, n % 2 == 0) for n in range(30) for _ in range(3)]
    assert counts(compare(*several), "one per person") == (30, 30, 15)


def test_the_first_of_a_person_s_day_is_the_earliest_of_each_day():
    morning, evening, next_day = (datetime(2024, 5, *time, tzinfo=UTC) for time in [(1, 8), (1, 20), (2, 20)])
    days = [
        (1, {"user_id": f"p{n}", "started_at": time}, time == morning)
        for n in range(30)
        for time in (evening, morning, next_day)
    ]
    table = compare(*days, min_conversations=1, min_users=1)
    assert counts(table, "first of a person's day") == (60, 30, 30)


def test_without_users_and_times_only_duplicates_and_templates_are_left_to_compare():
    table = compare(*((n, {"user_id": None, "started_at": None}, is_affective) for n, _, is_affective in BASE))
    assert table["selection"].to_list() == ["as selected", "with duplicates", "without templates"]
    assert table["n_users"].null_count() == 3


def test_an_empty_data_set_has_zeros_and_no_share():
    assert compare()["n_conversations"].to_list() == [0, 0, 0]
    assert compare()["share_affective"].null_count() == 3


HIDDEN = {
    "conversations without a person": lambda k: [(100 - k, {}, False), (k, {"person": False}, False)],
    "affective ones without a person": lambda k: [
        (60, {}, False), (40 - k, {}, True), (k, {"person": False}, True), (30 + k, {"person": False}, False), (9 - k, {}, False)
    ],
    "templates": lambda k: [(100 - k, {}, False), (k, {"opening": 7}, False)],
    "affective templates": lambda k: [(60 + k, {}, False), (50 - k, {}, True), (k, {"opening": 7}, True), (50 - k, {"opening": 7}, False)],
    "affective copies": lambda k: [(60, {}, False), (40, {}, True), (k, {"copy_of": "c0060"}, True), (30 - k, {"copy_of": "c0000"}, False)],
    "keys that send the templates": lambda k: [(60, {}, False), (30, {}, True), *((10, {"opening": 7, "user_id": f"t{n % k}"}, False) for n in range(3))],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "hidden_in"),
    [
        ("conversations without a person", "persons only"),
        ("templates", "without templates"),
        ("keys that send the templates", "without templates"),
    ],
)
def test_a_selection_is_hidden_where_its_rest_is_under_a_floor(name, hidden_in):
    assert counts(compare(*HIDDEN[name](3)), hidden_in) == (None, None, None)


@pytest.mark.parametrize(
    ("name", "hidden_in"),
    [
        ("affective ones without a person", "persons only"),
        ("affective templates", "without templates"),
        ("affective copies", "with duplicates"),
    ],
)
def test_only_the_affective_are_hidden_where_only_they_are_under_a_floor(name, hidden_in):
    n, _, n_affective = counts(compare(*HIDDEN[name](3)), hidden_in)
    assert n > 0 and n_affective is None


@pytest.mark.parametrize(
    "name", ["conversations without a person", "templates", "affective templates", "affective copies"]
)
def test_selections_that_differ_in_hidden_counts_alone_are_published_alike(name):
    assert compare(*HIDDEN[name](3)).equals(compare(*HIDDEN[name](7)))


SMALL = {"min_conversations": 3, "min_users": 2}
CONVERSATIONS = st.lists(
    st.tuples(
        st.integers(0, 6), st.booleans(), st.booleans(), st.one_of(st.none(), st.integers(0, 5)), st.integers(1, 2)
    ),
    min_size=1,
    max_size=25,
)


@settings(deadline=None, max_examples=150)
@given(CONVERSATIONS, st.sets(st.integers(0, 6)))
def test_no_two_published_selections_tell_of_a_few(conversations, machines):
    groups = []
    for number, (user, is_affective, templated, copy, day) in enumerate(conversations):
        of = None if copy is None or copy >= number else copy
        if of is not None and "copy_of" in groups[of][1]:
            of = None
        changes = {
            "user_id": f"u{user}",
            "person": user not in machines,
            "started_at": datetime(2024, 5, day, tzinfo=UTC),
        }
        changes |= {"opening": 7} if templated and of is None else {}
        groups.append(
            (
                1,
                changes | ({} if of is None else {"copy_of": f"c{of:04}"}),
                groups[of][2] if of is not None else is_affective,
            )
        )
    table = {row["selection"]: row for row in compare(*groups, **SMALL).to_dicts()}
    rows = [
        {"n": number, "user": changes["user_id"], "affective": is_affective, "kept": "copy_of" not in changes}
        | {"person": changes["person"], "templated": "opening" in changes}
        for number, (_, changes, is_affective) in enumerate(groups)
    ]
    sets = {
        "as selected": [row for row in rows if row["kept"]],
        "persons only": [row for row in rows if row["kept"] and row["person"]],
        "with duplicates": rows,
        "without templates": [row for row in rows if row["kept"] and not row["templated"]],
    }

    def few(part):
        return 0 < len(part) < 3 or 0 < len({row["user"] for row in part}) < 2

    for name, members in sets.items():
        assert table[name]["n_conversations"] in (None, len(members))
        assert table[name]["n_affective"] in (None, sum(row["affective"] for row in members))
        if table[name]["n_conversations"] is not None:
            assert not few(members)
        if table[name]["n_affective"] is not None:
            assert not few([row for row in members if row["affective"]])
            assert not few([row for row in members if not row["affective"]])
    for (one, first), (other, second) in itertools.permutations(sets.items(), 2):
        numbers = {row["n"] for row in second}
        rest = [row for row in first if row["n"] not in numbers]
        if None not in (table[one]["n_conversations"], table[other]["n_conversations"]):
            assert not few(rest)
        if None not in (table[one]["n_users"], table[other]["n_users"]):
            assert abs(table[one]["n_users"] - table[other]["n_users"]) != 1
        if None not in (table[one]["n_affective"], table[other]["n_affective"]):
            assert not few([row for row in rest if row["affective"]])
            assert not few([row for row in rest if not row["affective"]])


# Shares of persons


def by_user(n, **changes):
    return [(1, changes | {"user_id": f"{changes}{number}"}) for number in range(n)]


def test_shares_of_users_are_shares_of_persons():
    table = measures(
        *by_user(20, **affective("coaching")), *by_user(60), (30, affective("coaching") | {"user_id": "bot", "person": False}),
        *by_user(30, person=False), *by_user(12, person=False, **affective("coaching")),
    )  # fmt: skip
    rows = prevalence(table, PERFECT).filter(group="affective", share_of="all")
    assert rows.select("weighting", "n_conversations", "n_of", "share_naive").rows() == [
        ("conversation", 62, 152, round(62 / 152, 6)),
        ("user", 20, 80, 0.25),
    ]


def with_machines(k):
    return measures(*by_user(20, **affective("coaching")), *by_user(80 - k), *by_user(k, person=False))


def affective_machines(k):
    return measures(
        *by_user(40 - k, **affective("coaching")), *by_user(50 + k), *by_user(30 - k, person=False),
        *by_user(k, person=False, **affective("coaching")),
    )  # fmt: skip


@pytest.mark.parametrize("table", [with_machines, affective_machines])
def test_shares_of_persons_tell_nothing_of_the_few_who_are_none(table):
    found = [prevalence(table(k), PERFECT).sort("group", "share_of", "weighting") for k in (3, 7)]
    if table is affective_machines:
        assert found[0].filter(weighting="user", group="affective")["share_naive"].item() is None
        found = [
            rows.filter(pl.col("group").is_in(["affective", "coaching", "interpersonal or coaching"])) for rows in found
        ]
    else:
        assert found[0].filter(weighting="user")["n_of"].null_count() == found[0].filter(weighting="user").height
    assert found[0].equals(found[1])


def test_the_few_keys_by_which_users_and_persons_differ_are_not_told():
    both = [(1, changes | {"user_id": f"p{n}"}) for n in range(30) for changes in ({}, {"person": False})]
    table = measures(
        *both,
        *by_user(3, person=False),
        *by_user(30, **affective("coaching")),
        *by_user(20, person=False, **affective("coaching")),
    )
    groups = prevalence(table.with_columns(content_creation=~pl.col("included")), PERFECT)
    found = groups.filter(group="content creation")
    assert found["n_users"].to_list() == [33, None]


# Capabilities

SOURCE = {"available": ["user", "time", "country", "model", "moderation"]}
REMOVED = {"removed": {"n_public": 80, "n_all": 100, "why": "its makers left some out", "source": "made up"}}
FULL = {"user_id": "u", "country": "Kenya", "model": "m", "flagged": False}


def capabilities(*rows, until=None, **source):
    table = assess_capabilities(
        marked(*rows, until=until),
        dataset="own",
        source=SOURCE | source | ({"user_key_until": until} if until else {}),
        **FLOORS,
    )
    return {row["analysis"]: (row["testable"], row["reason"]) for row in table.to_dicts()}


def users(n, **changes):
    return [(1, FULL | {"user_id": f"u{number}"} | changes) for number in range(n)]


def test_a_data_set_that_records_everything_allows_everything():
    assert capabilities(*users(20)) == dict.fromkeys(ANALYSES, ("yes", ""))


def test_what_is_not_recorded_is_not_testable_and_said():
    found = capabilities(*users(20), available=["model"])
    assert {name for name, (testable, _) in found.items() if testable == "no"} == {
        "by person", "first of a person's day", "over time", "by country", "by moderation flag",
    }  # fmt: skip
    assert found["first of a person's day"][1] == "The source records no user. The source records no time."


@pytest.mark.parametrize(
    ("column", "analysis"),
    [("user_id", "by person"), ("started_at", "over time"), ("country", "by country"), ("model", "by model")],
)
def test_a_field_that_is_null_throughout_is_not_there_whatever_the_configuration_says(column, analysis):
    testable, reason = capabilities((20, FULL | {column: None}))[analysis]
    assert testable == "no" and "no conversation carries one" in reason


def test_a_field_that_is_null_in_part_limits():
    found = capabilities(
        *users(60), *((1, row | {"user_id": f"v{n}", "country": None}) for n, (_, row) in enumerate(users(20)))
    )
    assert found["by country"] == ("limited", "25 % of the conversations carry no country.")


@pytest.mark.parametrize("k", [1, 9])
def test_how_many_conversations_lack_a_field_is_not_told_where_they_are_few(k):
    few = [(1, row | {"user_id": f"v{n}", "country": None}) for n, (_, row) in enumerate(users(k))]
    assert capabilities(*users(60), *few)["by country"] == ("limited", "Some conversations carry no country.")


def test_shared_keys_and_a_break_limit_what_is_said_of_persons():
    shared = (6, FULL | {"user_id": "many"})
    assert "more than one person" in capabilities(*users(20), shared)["by person"][1]
    late = capabilities(*users(20), (1, FULL | {"user_id": "late", "started_at": AFTER}), until="2024-09-30")
    assert late["by person"] == (
        "limited",
        "User keys are stable until 2024-09-30 only; later conversations have no person.",
    )


def test_without_any_person_nothing_is_said_of_persons():
    assert capabilities((6, FULL | {"user_id": "many"}))["by person"] == (
        "no",
        "No user key can be taken for one person.",
    )


def test_a_removal_limits_the_shares_and_forbids_those_of_roleplay():
    found = capabilities(*users(20), **REMOVED)
    assert found["affective share"][0] == found["pushback"][0] == "limited"
    assert found["romantic or sexual roleplay"][0] == found["companionship and roleplay"][0] == "no"
    assert found["affective share"][1].startswith("20 of 100 conversations were removed before publication: its makers")
    assert found["by country"] == ("yes", "")


def test_on_synthetic_data_nothing_is_testable():
    assert set(capabilities(*users(20), synthetic=True).values()) == {("no", SYNTHETIC)}


# Counts of traps

NAMES = pl.read_csv(ROOT / "resources" / "languages.csv")
SHARE = {"ci_low": 0.01, "ci_high": 0.05}


def traps(*rows, until=None, selections=None, affective=SHARE, **source):
    origins = marked(*rows, until=until)
    n = {"n_conversations": origins.height, "n_users": None}
    found = count_traps(
        origins,
        compared_languages(origins, NAMES),
        selections or dict.fromkeys(["as selected", "with duplicates", "without templates"], n),
        affective,
        dataset="own",
        source=SOURCE | source | ({"user_key_until": until} if until else {}),
        template=TEMPLATE,
        **FLOORS,
    )
    return {row["trap"]: row for row in found.to_dicts()}


def found(row):
    return tuple(row[name] for name in ("n_conversations", "n_users", "n_of", "n_users_of"))


def shared_keys(n):
    return [(6, {"user_id": f"shared{number}"}) for number in range(n)]


def late_keys(n):
    return [(1, {"user_id": f"late{number}", "started_at": AFTER}) for number in range(n)]


def test_shared_keys_and_late_conversations_are_counted_apart():
    table = traps(*users(20), *shared_keys(12), *late_keys(15), until="2024-09-30")
    assert found(table["shared user keys"]) == (72, 12, 107, 47)
    assert found(table["user keys break"]) == (15, 15, 107, 47)


@pytest.mark.parametrize("rest", [shared_keys(12), shared_keys(40)])
def test_where_few_are_late_the_shared_keys_are_hidden_with_them(rest):
    tables = [traps(*users(30 - k), *rest, *late_keys(k), until="2024-09-30") for k in (3, 7)]
    assert tables[0] == tables[1]
    assert found(tables[0]["shared user keys"]) == found(tables[0]["user keys break"]) == (None,) * 4


def test_keys_of_all_are_not_told_where_few_others_are_left():
    both = [(1, {"user_id": f"p{number % 15}", "started_at": AFTER if number < 15 else BEFORE}) for number in range(30)]
    assert found(traps(*both, *users(3, started_at=AFTER), until="2024-09-30")["user keys break"]) == (18, 18, 33, 18)
    early = users(3)
    assert found(traps(*both, *early, until="2024-09-30")["user keys break"]) == (15, 15, 33, None)


def test_traps_that_do_not_apply_say_so_without_numbers():
    table = traps((20, {}), available=[])
    assert [name for name, row in table.items() if not row["applies"]] == [
        "shared user keys", "user keys break", "wrong language tags", "removed before publication",
    ]  # fmt: skip
    assert found(table["user keys break"]) == (None,) * 4


def test_the_share_before_a_removal_is_bounded_by_none_and_all_of_the_removed():
    row = traps(*users(20), **REMOVED)["removed before publication"]
    assert (row["n_conversations"], row["n_of"], row["low"], row["high"]) == (20, 100, 0.008, 0.24)


def test_without_an_estimate_there_is_no_bound():
    row = traps(*users(20), affective={"ci_low": None, "ci_high": None}, **REMOVED)["removed before publication"]
    assert (row["low"], row["high"]) == (None, None)


@given(st.integers(1, 500), st.integers(0, 500), st.floats(0, 1), st.floats(0, 1))
def test_the_bounds_hold_whatever_was_removed(n_public, n_removed, share, share_of_removed):
    removed = {"n_public": n_public, "n_all": n_public + n_removed, "why": "w", "source": "s"}
    row = traps(*users(20), affective={"ci_low": share, "ci_high": share}, removed=removed)[
        "removed before publication"
    ]
    before = (n_public * share + n_removed * share_of_removed) / (n_public + n_removed)
    assert row["low"] - 1e-6 <= before <= row["high"] + 1e-6


def test_repeats_and_templates_are_told_from_published_selections_alone():
    n = {"as selected": 90, "with duplicates": 120, "without templates": None}
    table = traps(*users(20), selections={name: {"n_conversations": k, "n_users": None} for name, k in n.items()})
    assert found(table["repeated texts"]) == (30, None, 120, None)
    assert found(table["templates"]) == (None,) * 4


def test_repeated_first_prompts_are_counted():
    again = users(30, repeated_first_prompt=True)
    assert found(traps(*users(20), *again)["repeated first prompts"])[:3] == (30, None, 50)


@pytest.mark.parametrize("k", [3, 7])
def test_how_many_first_prompts_go_on_otherwise_is_not_told_where_they_are_few(k):
    copies = [(1, {"user_id": f"v{n}", "repeated_first_prompt": True, "copy_of": "c0000"}) for n in range(30 - k)]
    rows = traps(*users(20), *copies, *users(k, repeated_first_prompt=True))
    assert found(rows["repeated first prompts"]) == (None,) * 4


# Language tags


def tagged(n, tag, language, user="v"):
    return [
        (1, {"user_id": f"{user}{tag}{language}{number}", "source_language": tag, "language": language})
        for number in range(n)
    ]


def pairs(*rows):
    compared = compared_languages(marked(*rows), NAMES)
    return (
        wrong_tags(compared, dataset="own", users=True, **FLOORS).select(pl.all().exclude("dataset", "n_users")).rows()
    )


def test_pairs_of_tag_and_detection_come_most_frequent_first():
    rows = [*tagged(30, "Yoruba", "en"), *tagged(40, "English", "en"), *tagged(50, "Latin", "es")]
    assert pairs(*rows) == [("Latin", "es", 50), ("Yoruba", "en", 30)]


@pytest.mark.parametrize(
    ("tag", "language"),
    [("english", "en"), ("en", "en"), ("Chinese", "wuu"), ("Nynorsk", "no"), ("unknown", "en"), ("Yoruba", "und")],
)
def test_spellings_dialects_and_what_is_not_known_are_no_disagreement(tag, language):
    assert pairs(*tagged(30, tag, language)) == []


def test_a_tag_that_is_no_language_is_never_published():
    assert pairs(*tagged(30, "somebody's secret", "en")) == []


def test_small_pairs_are_counted_together():
    assert pairs(*tagged(30, "Latin", "es"), *tagged(6, "Yoruba", "en"), *tagged(7, "Maori", "en")) == [
        ("Latin", "es", 30),
        ("other", "other", 13),
    ]


def test_a_small_rest_takes_the_last_pair_with_it():
    rows = [*tagged(30, "Latin", "es"), *tagged(20, "Maori", "en"), *tagged(6, "Yoruba", "en")]
    assert pairs(*rows) == [("Latin", "es", 30), ("other", "other", 26)]


def test_pairs_of_few_users_are_not_listed():
    few = [(1, row | {"user_id": f"w{number % 4}"}) for number, (_, row) in enumerate(tagged(30, "Maori", "en"))]
    assert pairs(*tagged(30, "Latin", "es"), *few) == [("other", "other", 60)]


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.sampled_from(["Latin", "Yoruba", "Maori", "Welsh", "Zulu"]), st.integers(1, 25)))
def test_no_pair_under_the_floor_is_told_from_the_total(sizes):
    rows = [row for tag, n in sizes.items() for row in tagged(n, tag, "en")]
    listed = pairs(*rows)
    total = found(traps(*rows, *tagged(40, "English", "en"))["wrong language tags"])[0]
    assert all(n >= 10 for *_, n in listed)
    shown = {tag: n for tag, _, n in listed if tag != "other"}
    assert all(sizes[tag] == n for tag, n in shown.items()) and len(shown) <= MAX_PAIRS
    if total is not None:
        assert total == sum(sizes.values())
        assert total - sum(shown.values()) == 0 or total - sum(shown.values()) >= 10


# The whole way, on a corpus in the shape of WildChat


@pytest.fixture(scope="module")
def wild_run(tmp_path_factory):
    folder = copy_project(tmp_path_factory.mktemp("wild"))
    done = snakemake(f"--configfile={wild.write_wild(folder)}", cwd=folder)
    assert done.returncode == 0, done.stdout
    return folder / "results" / "wild"


def rows_of(run, table):
    with open(run / "tables" / f"{table}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def numbers(run, trap):
    row = next(row for row in rows_of(run, "traps") if row["trap"] == trap)
    return row["n_conversations"], row["n_users"]


def test_planted_traps_are_found(wild_run):
    assert numbers(wild_run, "shared user keys") == (str(wild.N_SHARED * wild.N_PER_SHARED), str(wild.N_SHARED))
    assert numbers(wild_run, "user keys break") == (str(wild.N_LATE), str(wild.N_LATE))
    assert numbers(wild_run, "wrong language tags")[0] == str(wild.N_YORUBA)
    assert numbers(wild_run, "templates")[0] == str(wild.N_TEMPLATE_USERS * wild.N_PER_TEMPLATE_USER)
    assert numbers(wild_run, "repeated texts")[0] == str(wild.N_COPIES + wild.N_AFFECTIVE_COPIES)
    assert [tuple(row.values())[1:] for row in rows_of(wild_run, "languages")] == [("Yoruba", "en", "30", "30")]


def test_planted_traps_change_the_shares_as_planted(wild_run):
    table = {row["selection"]: row for row in rows_of(wild_run, "selections")}
    found = {name: int(row["n_affective"] or 0) for name, row in table.items()}
    assert found["with duplicates"] - found["as selected"] == wild.N_AFFECTIVE_COPIES
    assert found["as selected"] == found["without templates"]
    not_persons = wild.N_SHARED * wild.N_AFFECTIVE_PER_SHARED + wild.N_AFFECTIVE_LATE
    assert found["as selected"] - found["persons only"] == not_persons


def test_claims_on_roleplay_are_not_testable_after_a_removal_and_the_others_are_limited(wild_run):
    with open(wild_run / "claims.csv", encoding="utf-8", newline="") as file:
        claims = {row["id"]: row for row in csv.DictReader(file)}
    for name in ("romantic-share", "companionship-roleplay-share"):
        assert claims[name]["verdict"] == "not testable here"
        assert "likely to be among them" in claims[name]["reason"]
    assert claims["affective-rare"]["verdict"] != "not testable here"
    assert claims["affective-rare"]["limits"].startswith("200 of 1,000 conversations were removed")


def test_the_report_shows_traps_capabilities_and_the_bound(wild_run):
    html = (wild_run / "report" / "report.html").read_text(encoding="utf-8")
    text = " ".join(html.replace("\u00a0", " ").split())
    assert "Not testable on it: companionship and roleplay" in text
    assert f"{wild.N_LATE} of" in text and "Yoruba" in text
    assert "Before 200 of 1,000 conversations were removed it was between" in text
