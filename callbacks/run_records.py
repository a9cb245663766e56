"""What run.json, evaluations.jsonl and translations.jsonl hold, as types."""

from typing import Any

from typing_extensions import NotRequired, TypedDict


class RunRecord(TypedDict):
    """The content of ``run.json``.

    Attributes:
        id: eight random letters and digits.
        name: what the user called the run.
        variant: class path of the module.
        data: class path of the data module.
        data_name: its short name.
        created: UTC, ISO 8601.
        versions: of Python and the packages that matter.
        parent: the run and the checkpoint that this one goes on from, the same as W&B names it
            (``forked_from``), and the group of all its relatives; None for a fresh one.
        wandb: id, project, entity and perhaps group of the W&B run, None without one.
        attribution: licence text of the data, may be empty.
        world_size: number of processes.
        status: running, finished, stopped or failed.
    """

    id: str
    name: str
    variant: str
    data: str
    data_name: str
    created: str
    versions: dict[str, str]
    parent: dict[str, str] | None
    wandb: dict[str, str | None] | None
    attribution: str
    world_size: int
    status: str


class EvaluationRow(TypedDict):
    """One line of ``evaluations.jsonl``.

    Attributes:
        images_seen: the axis of all dashboards.
        generator_steps: generator steps taken.
        discriminator_steps: discriminator steps taken.
        round: rounds of the schedule played.
        time: UTC, ISO 8601.
        seconds: what the evaluation took.
        scores: value by name; None where it is not finite.
        floor: the same scores for held-out against training images, with as many samples.
        protocol: what has to agree before two scores may be compared.
        generator: ``"ema"`` or ``"raw"``: the weights that were judged.
        seed: of the latents.
    """

    images_seen: int
    generator_steps: int
    discriminator_steps: int
    round: int
    time: NotRequired[str]
    seconds: float
    scores: dict[str, float | None]
    floor: dict[str, float | None]
    protocol: dict[str, Any]
    generator: str
    seed: int


class TranslationRow(TypedDict):
    """One line of ``translations.jsonl``.

    Attributes:
        kind: ``"steganography"`` or ``"input_use"``.
        images_seen: the moment.
        time: UTC, ISO 8601.
        seconds: what the probe took.
        directions: by direction, such as ``"a to b"``, the verdict, the same with its reason as
            ``headline``, and the numbers; None where one is not finite.
        split: the images that were translated, train or held_out.
        samples: of each domain, at most.
        seed: of the noise and the permutations.
        generator: ``"ema"`` or ``"raw"``: the weights that were judged.
        picture: below the run folder.
    """

    kind: str
    images_seen: int
    time: NotRequired[str]
    seconds: float
    directions: dict[str, dict[str, Any]]
    split: str
    samples: int
    seed: int
    generator: str
    picture: str
