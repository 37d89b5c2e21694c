"""How a command fails: Ctrl-C is said as such, whatever it became on its way."""

import os
import signal

import pytest

from rnnx.cli.failure import errors_in_one_line
from rnnx.system.signals import Stop


def fail_after(interrupt: bool) -> None:
    try:
        if interrupt:
            os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:  # as a library does that tells errors in its own words
        raise ValueError("") from None
    raise ValueError("the store is full")


@pytest.mark.parametrize(("interrupt", "code"), [(True, 130), (False, 1)])
def test_ctrl_c_that_a_library_turned_into_an_error(
    interrupt: bool, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stop(at_once=True), pytest.raises(SystemExit) as ended, errors_in_one_line("rnnx"):
        fail_after(interrupt)
    assert ended.value.code == code
    said = capsys.readouterr().err
    assert (said == "rnnx: interrupted\n") is interrupt
    assert interrupt or "the store is full" in said
