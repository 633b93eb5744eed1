"""The findings as sentences: what the tables say of each of the study's questions, and no more."""

from shared.figures import TITLES
from shared.words import count, escape, found, interval, percent, signed

STABLE = 0.5  # adjusted Rand index between runs, from which topics are spoken of
UNTESTABLE = "not testable here"
VERDICTS = ["supported", "direction only", "inconclusive", "not supported", UNTESTABLE]
RARE = 0.05  # share of random orders, below which a change is more than chance
READERS = {"vader": "VADER", "linear": "the linear score"}
WIDE = 0.3  # width of an interval on a share, from which it says next to nothing


def on_prevalence(row: dict, name: str, study: str) -> str:
    """How common affective conversations are: the row `affective` of all conversations. `study`: the share that the study published."""
    if row["n_of"] == 0:
        return f"In {name} there is nothing to estimate: no conversation passed the filters."
    if row["n_of"] is None:
        return f"In {name} there is nothing to estimate: too few conversations passed the filters."
    if row["estimate"] is None:
        why = (
            "too few were found, and there are no labels of this data set"
            if row["suppressed"]
            else "error rates measured on other data do not fit these"
        )
        return f"What share of {name} is affective cannot be said: {why}."
    return (
        f"{percent(row['estimate'])} ({interval(row)}) of {count(row['n_of'])} conversations of {name} are affective by our "
        f"estimate{borrowed(row)}; the study found {study} in its own, other data."
    )


def borrowed(row: dict) -> str:
    """A warning where a share is corrected by error rates of other data; else nothing."""
    if "carried over" not in row["correction"]:
        return ""
    return " (error rates were measured on other sources, and may be far off here)"


def on_types(row: dict, name: str) -> str:
    """What most affective conversations are: the row `interpersonal or coaching` of the affective ones."""
    if row["estimate"] is None or row["ci_low"] is None:
        return f"Which types prevail among the affective conversations of {name} cannot be said."
    share = f"{percent(row['estimate'])} ({interval(row)}) of the affective conversations of {name}"
    if row["ci_low"] > 0.5:
        return f"Most affective conversations are interpersonal advice or coaching: {share}."
    if row["ci_high"] < 0.5:
        return f"Interpersonal advice and coaching are the smaller part: {share}."
    return f"Whether most are interpersonal advice or coaching is open: {share}."


def on_topics(topics: list[dict]) -> str:
    """How many topics are stable and large enough to be named, and which is largest."""
    shown = [row for row in topics if row["share_of_category"] is not None and (row["stability"] or 0) >= STABLE]
    if not shown:
        return (
            "No topic is large and stable enough to be spoken of: every grouping is under the floor, the only one of its category, "
            "or so unstable that another sample gives another."
        )
    largest = max(shown, key=lambda row: row["n_conversations"])
    called = f"which a language model calls “{escape(largest['name'])}”, " if largest["name"] else ""
    return (
        f"{len(shown)} {'topic is' if len(shown) == 1 else 'topics are'} large and stable enough to be named; the largest, in "
        f"{TITLES[largest['category']].lower()}, {called}is marked by the words {escape(largest['topic'])}."
    )


def on_concerns(concerns: list[dict], names: dict[str, str]) -> str:
    """The concern that most affective conversations of each data set speak of, or that there are too few."""
    sentences = []
    for dataset, name in names.items():
        shown = [
            row for row in concerns if (row["dataset"], row["category"]) == (dataset, "affective") and row["share"]
        ]
        counts = [row["n_conversations"] or 0 for row in concerns if row["dataset"] == dataset]
        if shown:
            top = max(shown, key=lambda row: row["share"])
            # The count of a concern among all may be hidden though it is larger.
            among = "" if max(counts) <= top["n_conversations"] else " among those whose number may be published"
            sentences.append(
                f"In {name} the concern most often spoken of{among} is {top['concern'].lower()}: {percent(top['share'])} of affective "
                f"conversations ({interval(top)})."
            )
        else:
            sentences.append(f"In {name} too few affective conversations speak of any one concern to count them.")
    return " ".join(sentences)


def on_drift(drift: list[dict], names: dict[str, str]) -> str:
    """The move that the study names in each data set, beside shuffled windows, or that there are too few."""
    sentences = []
    for dataset, name in names.items():
        move = next(row for row in drift if row["dataset"] == dataset and row["to_group"] == "companionship")
        if move["share"] is None:
            sentences.append(
                f"In {name} too few conversations are long enough, or move so, to say how often coaching or counselling turns into companionship."
            )
            continue
        beyond = "more than" if move["ci_low"] > move["null_ci_high"] else "not clearly more than"
        sentences.append(
            f"In {name} {percent(move['share'])} of what begins as coaching or counselling ends as companionship ({interval(move)}), "
            f"{beyond} the {percent(move['null_share'])} of shuffled windows ({interval(move, 'null')})."
        )
        whole = next(row for row in drift if row["dataset"] == dataset and row["to_group"] == "another")
        if whole["share"] is not None:
            sentences.append(
                f"Over all types {percent(whole['share'])} end as another than they began, and {percent(whole['null_share'])} of shuffled "
                "ones: single windows are short, and the classifier wavers."
            )
    return " ".join(sentences)


def on_long(long: list[dict], names: dict[str, str], *, wanted: int) -> str:
    """How many affective conversations of each data set are long, by the study's number or by ours, and what is more common in them."""
    sentences = []
    for dataset, name in names.items():
        rows = [row for row in long if row["dataset"] == dataset and row["length"] == "long"]
        n, least = rows[0]["n_conversations"], rows[0]["min_human_messages"]
        which = f"of at least {least} human messages" + (
            f" (too few reach {wanted}; these are the longest)" if least != wanted else ""
        )
        if not n:
            sentences.append(
                f"In {name} too few affective conversations {which} were found to say what they are about."
            )
            continue
        more = [row["name"] for row in rows if row["kind"] != "type" and (row["difference_ci_low"] or 0) > 0]
        sentences.append(f"In {name} {count(n)} affective conversations {which} were found.")
        sentences.append(
            f"More common in them than in shorter ones: {', '.join(TITLES.get(name, name).lower() for name in more)}."
            if more
            else "No category or concern that may be shown is clearly more common in them than in shorter ones."
        )
    return " ".join(sentences)


def on_who(who: list[dict], names: dict[str, str]) -> str:
    """What share of the affective conversations the top of each data set's persons hold, or why none is given."""
    sentences = []
    for dataset, name in names.items():
        own = [row for row in who if row["dataset"] == dataset]
        top = [row for row in own if row["dimension"] == "persons"]
        shown = [row for row in top if row["share"] is not None]
        if shown:
            held = " and ".join(f"the {row['value']} hold {percent(row['share'])} ({interval(row)})" for row in shown)
            sentences.append(f"Of the affective conversations of persons in {name}, {held}.")
        elif top:
            sentences.append(f"In {name} too few persons hold affective conversations to say how unevenly.")
        else:
            sentences.append(
                f"{name} tells no persons apart, so how unevenly affective use is spread over people cannot be said."
            )
        if len(own) == len(top):
            sentences.append("Countries, models and months are not recorded, or have too few conversations each.")
    return " ".join(sentences)


def on_pushback(row: dict, name: str) -> str:
    """How many affective conversations hold pushback: the row `affective`."""
    if row["estimate"] is None and row["correction"].startswith("none") and row["share_naive"] is not None:
        return (
            f"In {name}, pushback was found in {percent(row['share_naive'])} of the conversations that the classifier counts as affective; this is "
            "uncorrected, since too few labels tell how often the instrument errs."
        )
    if row["estimate"] is None:
        return f"Too few affective conversations with pushback were found in {name} to say how common it is."
    by_labels = row["from_labels"]
    whose = "the affective conversations" if by_labels else "the conversations that the classifier counts as affective"
    told = ", by the labels" if by_labels else borrowed(row)
    said = f"In {name}, {percent(row['estimate'])} ({interval(row)}) of {whose} hold pushback{told}."
    if row["ci_high"] - row["ci_low"] > WIDE:
        why = "too few are labelled" if by_labels else "pushback is found too unreliably in affective talk"
        said += f" The interval is too wide to say more: {why}."
    return said


def on_sentiment(row: dict, name: str, *, min_human: int) -> str:
    """How expressed sentiment changes in affective conversations, beside the others: the row `affective`."""
    if row["estimate"] is None:
        return f"Too few affective conversations of at least {min_human} human messages in {name} to say."
    change = f"{signed(row['estimate'])} ({interval(row, signed=True)})"
    where = f"in {count(row['n_conversations'])} affective conversations of {name}"
    if row["ci_low"] <= 0 <= row["ci_high"]:
        said = f"No change of expressed sentiment can be told {where}: {change} on a scale of -1 to +1"
    else:
        verb = "rises" if row["estimate"] > 0 else "falls"
        said = f"Expressed sentiment {verb} {where}, by {change} on a scale of -1 to +1"
    if row["excess"] is not None:
        said += f"; beyond the change in other conversations that is {signed(row['excess'])} ({interval(row, 'excess', signed=True)})"
    return said + "."


def on_controls(controls: list[dict], name: str) -> str:
    """What of the change of sentiment is left under controls: one data set's rows of `sentiment_controls`."""
    rows = {(row["control"], row["part"], row["group"]): row for row in controls}
    names = ("declared", "matched", "permuted", "without courtesy")
    declared, alike, null, plain = (rows[control, "all", "affective"] for control in names)
    said = []
    if declared["estimate"] is None:
        said.append(f"Too few affective conversations of {name} are long enough for controls.")
    elif alike["estimate"] is None:
        said.append(
            f"How affective conversations of {name} change beyond others alike in length and opening may not be told: too few have such "
            "others, or too few have none."
        )
    else:
        beyond = f"{signed(alike['estimate'])} ({interval(alike, signed=True)})"
        n, n_all = (row["n_conversations"] for row in (alike, declared))
        which = f"affective conversations of {name}"
        if None not in (n, n_all) and n < n_all:
            which = f"the {count(n)} of {count(n_all)} {which} that have enough of these"
        said.append(f"Beyond others alike in length and opening, {which} change by {beyond}.")
    if null["p_value"] is not None:
        orders = f"{percent(null['p_value'])} of random orders of the same messages change"
        said.append(
            f"At most {orders} as much: the change is in their order."
            if null["p_value"] < RARE
            else f"{orders} at least as much: not clearly more than chance."
        )
    if plain["estimate"] is not None:
        said.append(
            f"Without mere courtesy the change is {signed(plain['estimate'])} ({interval(plain, signed=True)})."
        )
    for group, whose in (("affective", "Affective"), ("not affective", "Other")):
        low, later = (rows[f"by opening{how}", "negative", group] for how in ("", ", later baseline"))
        if low["estimate"] is not None and later["estimate"] is not None:
            said.append(
                f"{whose} conversations that open negative change by {signed(low['estimate'])} ({interval(low, signed=True)}), and by "
                f"{signed(later['estimate'])} ({interval(later, signed=True)}) when counted from later messages, by which they were not "
                "picked: the difference is regression to the mean, or change within the first messages."
            )
    return " ".join(said)


def on_specifications(curve: list[dict], name: str) -> str:
    """How far the change of sentiment hangs on choices, the instrument above all: one data set's rows of `specification_curve`."""
    rows = [row for row in curve if row["ci_low"] is not None]
    if not rows:
        return f"Too few affective conversations of {name} for any specification."
    above, below = sum(row["ci_low"] > 0 for row in rows), sum(row["ci_high"] < 0 for row in rows)
    ends = {}
    for instrument, called in READERS.items():
        own = [row["estimate"] for row in rows if row["instrument"] == instrument]
        if own:
            ends[called] = min(own), max(own)
    said = ", ".join(f"by {called} from {signed(low)} to {signed(high)}" for called, (low, high) in ends.items())
    lower, higher = (end(ends, key=ends.get) for end in (min, max))
    if ends[lower][1] < 0 < ends[higher][0]:
        said += ": which of the two reads decides the sign, whatever else is chosen"
    elif ends[lower][1] < ends[higher][0]:
        said += f": whatever else is chosen, the change is higher by {higher}"
    return (
        f"Of {len(rows)} specifications of {name} that may be published, {above} have an interval wholly above zero and {below} wholly below; "
        f"the estimates go {said}."
    )


def on_specifications_shown(curve: list[dict]) -> str:
    """How many specifications of `specification_curve` its figure shows."""
    n = sum(row["ci_low"] is not None for row in curve)
    if n == len(curve):
        return f"All {n} specifications"
    return f"{n} of {len(curve)} specifications (the others rest on, or would tell of, too few conversations)"


def on_length(rows: list[dict], titles: dict[str, str]) -> str:
    """Whether length alone makes the classifier find a class: rates of false positives of short and of long conversations, `n_human` 1 and 11-49."""
    rising = []
    for name, title in titles.items():
        short, long = (
            next((row for row in rows if (row["class"], row["n_human"]) == (name, band)), None)
            for band in ("1", "11-49")
        )
        ends = short and short["false_positive_rate_ci_high"], long and long["false_positive_rate_ci_low"]
        if None not in ends and ends[1] > ends[0]:
            rising.append(title.lower())
    if not rising:
        return "Length alone does not clearly make it find something."
    return f"Length alone makes it find {' and '.join(rising)} too often."


def on_classifier(agreement: list[dict], names: dict[str, str]) -> str:
    """The classifier's precision and recall for what the study counts: in each labelled data set of `names` {key: title}, else over all sources."""
    rows = {row["labels"]: row for row in agreement if row["instrument"] == "classifier" and row["class"] == "included"}
    own = [(names[key], rows[key]) for key in names if key in rows and rows[key]["precision"] is not None]
    if own:
        return " ".join(
            f"In {name}, {percent(row['precision'])} of what it includes is to be included by the labels, "
            f"and it finds {percent(row['recall'])} of what is."
            for name, row in own
        )
    if "all" in rows:
        return (
            f"Over all labelled sources, {percent(rows['all']['precision'])} of what it includes is to be included by the labels, and it "
            f"finds {percent(rows['all']['recall'])} of what is; {count(rows['all']['n_positive'])} of {count(rows['all']['n_labelled'])} "
            "labelled conversations are, and on data with another share the former is another."
        )
    return "No labels were at hand to measure it."


def on_verdicts(claims: list[dict]) -> str:
    """How many of the claims judged in one data set met which verdict: "2 supported, 3 inconclusive"."""
    counts = [(verdict, sum(claim["verdict"] == verdict for claim in claims)) for verdict in VERDICTS]
    return ", ".join(f"{n} {verdict}" for verdict, n in counts if n)


def mostly_untestable(claims: list[dict]) -> bool:
    """More than half of the claims judged in one data set were not testable."""
    return 2 * sum(claim["verdict"] == UNTESTABLE for claim in claims) > len(claims)


def on_claims(claims: list[dict], names: dict[str, str]) -> str:
    """Each claim with its verdict, and what was found where it was judged: the figure of verdicts in words."""
    parts = []
    for claim in claims:
        of = f", {names[claim['dataset']]}" if len(names) > 1 else ""
        shown = f" {found(claim)}" if claim["verdict"] != UNTESTABLE else ""
        parts.append(f"{claim['short']}{of}: {claim['verdict']}{shown}")
    return f"Verdicts on the study's claims. {'; '.join(parts)}.".replace('"', "'")


def alt_text(rows: list[dict], kind: str, value: str, form) -> str:
    """Alternative text of a figure: each group with its value."""
    parts = [f"{TITLES.get(row['group'], row['group'])}: {form(row[value])}" for row in rows if row[value] is not None]
    return f"{kind}. " + ("; ".join(parts) if parts else "Too few conversations to show any value") + "."
