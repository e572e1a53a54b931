#!/bin/bash
# batchcls under Slurm:  sbatch jobs/slurm.sh jobs/overnight.toml
#
# A minute before the time limit, or when the job is preempted, Slurm sends SIGTERM to the step;
# batchcls finishes the images in hand and ends by the signal (143 in the shell). The job then queues
# itself again, and the same command resumes. Cores and memory limits of the job are respected.
#SBATCH --job-name=batchcls
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=8G
#SBATCH --time=12:00:00
#SBATCH --signal=TERM@60
#SBATCH --requeue
#SBATCH --open-mode=append

srun batchcls run "$@" --progress plain
status=$?
if [ "$status" -eq 143 ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
