"""All tasks, in the order in which they are told."""

from benchmarks.domains import depth, heads, hiding, paired, sound, text, tones, unpaired, video
from benchmarks.trained.task import Task

TASKS: tuple[Task, ...] = (
    paired.TASK,
    unpaired.TASK,
    hiding.TASK,
    depth.TASK,
    tones.TASK,
    text.TASK,
    sound.TASK,
    video.TASK,
    heads.TASK,
)
