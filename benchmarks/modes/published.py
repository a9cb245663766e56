"""What the papers report, with the standard errors that they give.

Counts are over runs of their own set-ups. The same "GAN" has 1 of 8 modes in one paper and 6.3 in
another: a row is only ever set beside ours of the set-up that is named after it.
"""

from __future__ import annotations

from typing import NamedTuple


class Value(NamedTuple):
    """A mean over runs, and its standard error where the paper gives one."""

    mean: float
    error: float | None = None


class Row(NamedTuple):
    """One line of a published table.

    Attributes:
        source: the table.
        modes: how many are covered.
        high_quality: share of samples near a mode, 0 to 1; None where it is not reported.
        reverse_kl: KL(p || uniform) over the modes, nats; None where it is not reported.
    """

    source: str
    modes: Value | None = None
    high_quality: Value | None = None
    reverse_kl: Value | None = None


PACGAN_1 = "PacGAN, table 1 (arXiv:1712.04086)"
PACGAN_2 = "PacGAN, table 2 (arXiv:1712.04086)"
VEEGAN_1 = "VEEGAN, table 1 (arXiv:1705.07761)"
R3GAN_1 = "R3GAN (arXiv:2501.05441), second-hand"

#: By data set, then by variant.
PUBLISHED: dict[str, dict[str, Row]] = {
    "ring": {
        "GAN": Row(PACGAN_1, Value(6.3, 0.5), Value(0.982, 0.002), Value(0.45, 0.09)),
        "PacGAN2": Row(PACGAN_1, Value(7.9, 0.1), Value(0.956, 0.020), Value(0.07, 0.03)),
        "PacGAN3": Row(PACGAN_1, Value(7.8, 0.1), Value(0.977, 0.003), Value(0.10, 0.02)),
        "PacGAN4": Row(PACGAN_1, Value(7.8, 0.1), Value(0.959, 0.014), Value(0.07, 0.02)),
        "UnrolledGAN": Row(VEEGAN_1, Value(7.6), Value(0.356)),
        "VEEGAN": Row(VEEGAN_1, Value(8.0), Value(0.529)),
    },
    "grid": {
        "GAN": Row(PACGAN_1, Value(17.3, 0.8), Value(0.948, 0.007), Value(0.70, 0.07)),
        "PacGAN2": Row(PACGAN_1, Value(23.8, 0.7), Value(0.913, 0.008), Value(0.13, 0.04)),
        "PacGAN3": Row(PACGAN_1, Value(24.6, 0.4), Value(0.942, 0.004), Value(0.06, 0.02)),
        "PacGAN4": Row(PACGAN_1, Value(24.8, 0.2), Value(0.936, 0.006), Value(0.04, 0.01)),
        "UnrolledGAN": Row(VEEGAN_1, Value(23.6), Value(0.16)),
        "VEEGAN": Row(VEEGAN_1, Value(24.6), Value(0.40)),
    },
    "stacked-mnist": {
        "GAN": Row(PACGAN_2, Value(78.9, 6.46), None, Value(4.50, 0.127)),
        "PacGAN2": Row(PACGAN_2, Value(1000.0, 0.0), None, Value(0.06, 0.003)),
        "RpGAN+R1+R2": Row(R3GAN_1, Value(1000.0), None, Value(0.0781)),
        "GAN+R1+R2": Row(R3GAN_1, Value(693.0), None, Value(0.9270)),
        "RpGAN+R1": Row(f"{R3GAN_1}: diverges"),
        "GAN+R1": Row(f"{R3GAN_1}: diverges"),
    },
}
