#!/usr/bin/env bash
# One run on several nodes that outlives its processes. Start it on every node, with the same words:
#
#   NODES=4 DEVICES=8 FIRST=node0 experiments/launch/elastic.sh \
#       --config experiments/configs/gpu/biggan_64.yaml --run_dir /shared/runs/big
#
# See torchrun.sh for NODES, DEVICES, FIRST and PORT. When a process or a node is gone, the others
# notice, stop, and wait until NODES nodes are there again: start the same words anew on the one that
# is back. All go on from the last whole checkpoint, and end as if nothing had happened.
#
# RESTARTS (10) bounds it: torchrun repeats a failure of the run itself, too, such as a NaN.
#
# The run folder must be seen by every node that may become rank 0. The node FIRST holds the meeting
# point: when that one is lost, the others end too; start all of them again.
set -euo pipefail

: "${NODES:?number of nodes}" "${DEVICES:?processes on each node}" "${FIRST:?node to meet at}"

# torchrun lets its processes share the store that the nodes met at. A node that comes back would
# wait there for an address that the others have announced in an earlier round, for ever
# (pytorch/pytorch#135712).
export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1

# With --auto_resume the same words begin a run, go on with it, and say when it is finished.
# keep_alive_interval: a node is given up after three of these, in seconds.
exec torchrun \
    --nnodes "$NODES" --nproc-per-node "$DEVICES" --max-restarts "${RESTARTS:-10}" \
    --rdzv-backend c10d --rdzv-endpoint "$FIRST:${PORT:-29500}" --rdzv-id "${RUN_ID:-ganagerie}" \
    --rdzv-conf "join_timeout=${WAIT_SECONDS:-86400},keep_alive_interval=5" \
    -m experiments fit --auto_resume "$@"
