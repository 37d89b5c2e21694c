"""Memory tasks: data sets that are drawn from a generator, with the figures they are judged by."""
