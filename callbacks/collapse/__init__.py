"""Collapse is noticed early and the good generator is kept.

``signals`` turns features into numbers and ``detector`` numbers into states (no torch, no files:
the same object runs live, in a replay and in the benchmark). ``monitor`` is the callback,
``actions`` is what follows an alarm, ``candidates`` says which checkpoint was the best before it.
"""
