"""``rnnx`` and ``python -m rnnx``: Ctrl-C ends them with exit code 130, even during imports."""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # `python -m` looks for modules in the working folder first, which may hold somebody's data.
    del sys.path[0]

import gc
import os


def main() -> None:
    """The console script."""
    # Nor does any Python that this process starts, for a job or a server, look there.
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        from rnnx.system.signals import Stop

        with Stop(at_once=True):
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
