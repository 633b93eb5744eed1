"""What a run has asked of the LLM judge and spent on it, in a file that all its jobs share."""

import threading
from pathlib import Path

from shared.job import InputError


class Ledger:
    """Calls and cost of a run in a file that only grows: what earlier and parallel jobs of the run spent counts too.

    The dearest that a call can become is written before it is made and corrected afterwards, so the caps hold even where a job is killed.
    """

    def __init__(self, path: str | Path, *, max_calls: int, max_cost: float):
        self.path, self.max_calls, self.max_cost = Path(path), max_calls, max_cost
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch()
        self.lock = threading.Lock()
        self.calls, self.cost, self.read = 0, 0.0, 0

    def _write(self, calls, cost):
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(f"{calls} {cost:.9f}\n")

    def spent(self) -> tuple[int, float]:
        """Calls and cost so far."""
        with open(self.path, encoding="utf-8") as file:
            file.seek(self.read)
            for line in iter(file.readline, ""):
                calls, cost = line.split()
                self.calls, self.cost = self.calls + int(calls), self.cost + float(cost)
            self.read = file.tell()
        return self.calls, self.cost

    def reserve(self, cost: float) -> None:
        """Put down a call before it is made.

        Raises:
            InputError: it would go over a cap. It is not put down then.
        """
        with self.lock:
            self._write(1, cost)
            calls, total = self.spent()
            if calls <= self.max_calls and total <= self.max_cost + 1e-9:
                return
            self._write(-1, -cost)
        raise InputError(
            f"The judge stopped at its cap: {calls - 1:,} calls and a cost of {total - cost:,.4f} so far, allowed are classify.llm.max_calls: "
            f"{self.max_calls} and max_cost: {self.max_cost}. Every answer is kept: raise the cap and run again, and only what is missing is asked."
        )

    def correct(self, cost: float) -> None:
        """Add `cost`, negative where a call was cheaper than put down."""
        with self.lock:
            self._write(0, cost)


def ledger_of(run: str, settings: dict) -> Ledger:
    """The one ledger of a run, whatever is judged in it.

    Args:
        settings: `classify: llm` of the configuration.
    """
    path = Path(settings["cache"]) / f"spent_by_{run}.txt"
    return Ledger(path, max_calls=settings["max_calls"], max_cost=settings["max_cost"])
