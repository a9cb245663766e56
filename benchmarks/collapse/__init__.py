"""Is a collapse noticed, in time, and nothing else? Measured on labelled runs.

``python -m benchmarks.collapse --suite full`` trains small GANs of several kinds and families
through the real trainer, records their generators, injects collapses of every kind into the
healthy ones, labels everything by an oracle that shares no feature with the detector, and prints
what the detector and simpler rules make of it.

``plan`` says which runs there are, and which seeds and families were never used for tuning.
"""
