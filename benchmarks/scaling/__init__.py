"""How one run scales to 8, 64 and 512 GPUs: see :mod:`benchmarks.scaling.__main__`."""
