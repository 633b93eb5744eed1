"""What every scripted job does around its work: write to its log, end with a sentence where the input is at fault."""

import contextlib
import sys


class InputError(Exception):
    """The input is at fault, not the code. Says what was expected, what was found, where, and what to do."""


@contextlib.contextmanager
def logged(log_path):
    """Send both output streams to `log_path`; an InputError becomes its own sentence there, and exit status 1."""
    with open(log_path, "w", encoding="utf-8", buffering=1) as log:
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            try:
                yield
            except InputError as error:
                print(error, file=log)
                sys.exit(1)
            except Exception:
                # The interpreter prints a traceback after the streams are back; a log without it helps nobody.
                import traceback

                traceback.print_exc(file=log)
                sys.exit(1)
