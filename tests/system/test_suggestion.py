"""A misspelt word is answered with the choice most like it."""

from rnnx.system.suggestion import did_you_mean, nearest


def test_the_nearest_choice_is_found() -> None:
    assert nearest("ltsm", ["gru", "lstm"]) == "lstm"
    assert nearest("quux", ["gru", "lstm"]) == ""
    assert nearest("gru", []) == ""


def test_the_end_of_a_sentence() -> None:
    assert did_you_mean("ltsm", ["gru", "lstm"]) == "; did you mean lstm?"
    assert did_you_mean("quux", ["gru", "lstm"]) == ""
