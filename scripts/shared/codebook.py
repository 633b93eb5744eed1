"""The codebook as text for whoever reads conversations under it: people and the LLM judge read the same words."""


def codebook_text(entries: dict[str, dict]) -> str:
    """Markdown: each class or kind of the codebook with all that it says for readers; the matchers' cues are left out.

    Args:
        entries: `classes` or `pushback: kinds` of config/codebook.yaml. `rulings`, `examples` and `counts` may be missing.
    """
    lines = []
    for name, entry in entries.items():
        lines += [f"## {name}: {entry['title']}", "", entry["definition"], ""]
        lines += [f"- Counts: {entry['counts']}"] if "counts" in entry else []
        lines += [f"- Does not count: {entry['counts_not']}"]
        lines += [f"- Ruling: {ruling}" for ruling in entry.get("rulings", [])]
        lines += [f'- Example: "{example}"' for example in entry.get("examples", [])]
        lines.append("")
    return "\n".join(lines)
