"""Changes that break a component of any kind."""

import os


def elsewhere(right, *args):
    """Any method: it changes the working directory first."""
    os.chdir("..")
    return right(*args)


def counting(right_value, other_value, every=20):
    """A function of no arguments: ``other_value`` at every 20th call, else ``right_value``."""
    calls = [0]

    def value():
        calls[0] += 1
        return other_value if calls[0] % every == 0 else right_value

    return value
