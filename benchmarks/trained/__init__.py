"""Benchmarks that train the shipped YAML and measure what was learned: the frame they share."""
