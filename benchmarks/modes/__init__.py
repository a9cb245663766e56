"""Mode-collapse benchmarks: how many modes of a known mixture a generator covers."""
