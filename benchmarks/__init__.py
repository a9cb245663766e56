"""Measurements, as ratios within one run; each prints one JSON object as its last line."""
