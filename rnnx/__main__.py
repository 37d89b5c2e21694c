"""``rnnx`` and ``python -m rnnx``: Ctrl-C ends them with exit code 130, even during imports."""

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
        # At exit Python would search all of MLflow's objects for garbage, which takes a second and
        # frees memory that the process frees anyway.
        gc.freeze()


if __name__ == "__main__":  # the processes of a sweep import this module
    main()
