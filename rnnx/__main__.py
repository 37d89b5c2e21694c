"""``rnnx`` and ``python -m rnnx``: Ctrl-C ends in one way, while the command line loads as well."""

import gc
import sys


def main() -> None:
    """The console script."""
    try:
        from rnnx.cli.main import main as command_line

        command_line()
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        # The interpreter's end would look through every object of MLflow's, for a second, to free
        # what ends with the process anyway.
        gc.freeze()


if __name__ == "__main__":  # a process of a sweep imports this module, too
    main()
