"""What conditions and translations learn: each variant's YAML on data whose answers are known.

``python -m benchmarks.domains --seeds 3``, or some of it by ``--task``, trains the jobs of
``jobs.py`` (a finished run is not trained again, a stopped one goes on), measures each last
checkpoint on held-out data beside baselines that need no training, writes pictures of seed 0 into
``--out``, and prints a Markdown table of means and standard deviations over seeds for each task,
then one JSON object. Runs share the machine, two at a time, one thread each.
"""

from benchmarks.domains.tasks import TASKS
from benchmarks.trained.command import run

if __name__ == "__main__":
    run("benchmarks.domains", __doc__, TASKS)
