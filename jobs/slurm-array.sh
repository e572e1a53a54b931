#!/bin/bash
# batchcls on many machines, one shard each:
#
#     jobs/slurm-array.sh 16 results.jsonl jobs/overnight.toml
#
# Give the same line again whenever the array has ended: it submits the shards that are not complete,
# each of which resumes, and once all are complete it merges them into results.jsonl.
# Everything behind the results file goes to `batchcls run`. Where images may come and go meanwhile,
# list them once into a file, and name @FILE instead of the folder.
#
# Preempted tasks queue themselves again, as in slurm.sh. Slurm takes at most MaxArraySize - 1 shards.
#SBATCH --job-name=batchcls
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=8G
#SBATCH --time=12:00:00
#SBATCH --signal=TERM@60
#SBATCH --requeue
#SBATCH --open-mode=append

shards=$1 results=$2
shift 2

if [ -z "${SLURM_ARRAY_TASK_ID:-}" ]; then
    # A shard has its final name only when it is complete.
    left=$(for i in $(seq "$shards"); do [ -f "$results.$i" ] || echo "$i"; done | paste -sd,)
    if [ -n "$left" ]; then
        exec sbatch --array="$left" "$0" "$shards" "$results" "$@"
    fi
    mapfile -t all < <(for i in $(seq "$shards"); do echo "$results.$i"; done)
    exec batchcls merge "$results" "${all[@]}"
fi

# Of a resubmitted array, SLURM_ARRAY_TASK_COUNT is how many shards were left, not how many there are.
shard=$SLURM_ARRAY_TASK_ID
srun batchcls run "$@" --shard "$shard/$shards" --output "$results.$shard" --progress plain
status=$?
if [ "$status" -eq 143 ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
