#!/usr/bin/env bash
# One run on several nodes. Start it on every node, with the same words:
#
#   NODES=4 DEVICES=8 FIRST=node0 experiments/launch/torchrun.sh \
#       --config experiments/configs/gpu/biggan_64.yaml --run_dir runs/big
#
# NODES    number of nodes
# DEVICES  processes on each, one for a GPU
# FIRST    name or address of the node that the others meet at
# PORT     where they meet there (29500)
#
# The settings need neither devices nor num_nodes: `fit` takes what torchrun has started. Rank 0, on
# whichever node it comes to be, writes the run folder: put it where all nodes see it, or else look
# for it there. SIGTERM to one torchrun saves and stops all ranks of all nodes.
set -euo pipefail

: "${NODES:?number of nodes}" "${DEVICES:?processes on each node}" "${FIRST:?node to meet at}"

# gloo (CPU) and NCCL (GPU) may choose an interface that the other nodes cannot reach: then set
# GLOO_SOCKET_IFNAME and NCCL_SOCKET_IFNAME, which are handed on.
exec torchrun \
    --nnodes "$NODES" --nproc-per-node "$DEVICES" \
    --rdzv-backend c10d --rdzv-endpoint "$FIRST:${PORT:-29500}" --rdzv-id "${RUN_ID:-ganagerie}" \
    -m experiments fit "$@"
