"""What sentence variants learn: each variant's YAML on data whose truth is known.

``python -m benchmarks.sentences --seeds 3``, or some of it by ``--task``, trains the jobs of
``jobs.py`` (a finished run is not trained again, a stopped one goes on), measures each last
checkpoint on held-out data beside baselines that need no training, and prints a Markdown table of
means and standard deviations over seeds for each task with unpicked sentences of seed 0, then one
JSON object. Runs share the machine, two at a time, one thread each.
"""

from benchmarks.sentences.tasks import TASKS
from benchmarks.trained.command import run

if __name__ == "__main__":
    run("benchmarks.sentences", __doc__, TASKS)
