"""Sources of a third-party plugin with a data set for each kind of target, and an old head."""

TASKS = '''
    from dataclasses import dataclass

    import numpy as np
    import rnnx

    @dataclass(frozen=True)
    class Copy:
        """Symbols 1 … 4 to be repeated after blanks; only the repetition counts."""

        length: int = 3
        symbols: int = 4

        def load(self, seed):
            def draw(rng, count):
                n = self.length
                lag = rng.integers(1, n + 1, count)
                ids, y, weights = [], [], []
                for k in range(count):
                    word = rng.integers(1, self.symbols + 1, n)
                    blank = np.zeros(lag[k], np.int64)
                    ids.append(np.concatenate([word, blank, 0 * word]))
                    y.append(np.concatenate([0 * word, blank, word]))
                    weights.append((np.arange(len(ids[-1])) >= n + lag[k]).astype(np.float32))
                return rnnx.sequences_of(y, ids=ids, weights=weights)

            endless = rnnx.Endless(draw)
            names = [str(k) for k in range(self.symbols + 1)]
            sha256 = rnnx.sequences_sha256(endless, about=repr(self))
            return rnnx.Corpus(
                rnnx.Vocabulary(tuple(names)), endless, endless.fixed(40, seed), sha256,
                targets=rnnx.classes(names),
            )

    def finite(draw, targets, features=(), vocabulary=()):
        rng = np.random.default_rng(0)
        train, val = draw(rng, 80), draw(rng, 20)
        return rnnx.Corpus(
            rnnx.Vocabulary(tuple(vocabulary)), train, val, rnnx.sequences_sha256(train, val),
            targets=targets, features=tuple(rnnx.Quantity(name) for name in features),
        )

    @dataclass(frozen=True)
    class Adding:
        """The sum of two marked numbers, read at the end of a sequence of any length."""

        longest: int = 8

        def load(self, seed):
            def draw(rng, count):
                features, y = [], []
                for n in rng.integers(4, self.longest + 1, count):
                    x = np.zeros((n, 2), np.float32)
                    x[:, 0] = rng.random(n)
                    x[rng.choice(n, 2, replace=False), 1] = 1
                    features.append(x)
                    y.append([float(x[:, 0] @ x[:, 1])])
                return rnnx.sequences_of(y, features=features, per_sequence=True)

            total = rnnx.values([rnnx.Quantity("sum", "m", 1.0, 0.5)], per_sequence=True)
            return finite(draw, total, ("number", "marker"))

    @dataclass(frozen=True)
    class Tags:
        """A tag a step: whether a symbol is the one before it; some steps do not count."""

        weighted: bool = True

        def load(self, seed):
            def draw(rng, count):
                ids = [rng.integers(0, 3, n) for n in rng.integers(1, 7, count)]
                y = [np.concatenate([[0], (one[1:] == one[:-1]).astype(int)]) for one in ids]
                weights = [np.where(np.arange(len(one)) == 0, 0.0, 2.0) for one in ids]
                return rnnx.sequences_of(y, ids=ids, weights=weights if self.weighted else None)

            return finite(draw, rnnx.classes(["other", "same"]), (), "abc")

    @dataclass(frozen=True)
    class Sentiment:
        """A class of the whole sequence: which symbol there is most of; with a feature as well."""

        def load(self, seed):
            def draw(rng, count):
                ids = [rng.integers(0, 3, n) for n in rng.integers(1, 9, count)]
                features = [rng.normal(size=(len(one), 1)) for one in ids]
                y = [np.bincount(one, minlength=3).argmax() for one in ids]
                weights = rng.integers(0, 2, count) + 0.5
                return rnnx.sequences_of(y, ids, features, weights, True, n_symbols=3)

            return finite(draw, rnnx.classes("ABC", per_sequence=True), ("noise",), "abc")

    @dataclass(frozen=True)
    class Roll:
        """The notes of the next step from those of this one."""

        def load(self, seed):
            def draw(rng, count):
                x = [(rng.random((n, 5)) < 0.3) * 1.0 for n in rng.integers(2, 9, count)]
                y = [np.roll(one, 1, axis=1) for one in x]
                return rnnx.sequences_of(y, features=x)

            return finite(draw, rnnx.bits("cdefg"), "cdefg")

    @rnnx.hookimpl
    def register_datasets(register):
        register("copying", Copy)
        register("adding_up", Adding)
        register("tags", Tags)
        register("sentiment", Sentiment)
        register("roll", Roll)
'''
# Data set → head: what a run of it is trained with.
HEADS = {
    "copying": "softmax",
    "adding_up": "gaussian",
    "tags": "softmax",
    "sentiment": "softmax",
    "roll": "bernoulli",
}
