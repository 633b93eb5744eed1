"""What every scripted job does around its work: write to its log, end with a sentence where the input is at fault."""

import contextlib
import sys
import traceback


class InputError(Exception):
    """The input is at fault, not the code. Says what was expected, what was found, where, and what to do."""


@contextlib.contextmanager
def logged(log_path):
    """Send both output streams to `log_path`; an InputError becomes its own sentence there, any other error its traceback."""
    with (
        open(log_path, "w", encoding="utf-8", buffering=1) as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        try:
            yield
        except InputError as error:
            print(error)
            sys.exit(1)
        except Exception:
            traceback.print_exc()
            sys.exit(1)
