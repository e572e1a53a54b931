"""What control groups grant: both versions, nested, in containers and out of them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from batchcls.backends import cgroups
from batchcls.backends.machine import this_machine

UNLIMITED = "9223372036854771712"


def machine(tmp_path: Path, groups: str, files: Mapping[str, str]) -> Path:
    """A file system with these groups of the process, and these files of the groups."""
    for name, text in {"proc/self/cgroup": groups, **files}.items():
        path = tmp_path / (name if name.startswith("proc") else f"sys/fs/cgroup/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return tmp_path


@pytest.mark.parametrize(
    ("groups", "files", "cores", "memory"),
    [
        ("0::/", {}, 0, 0),
        ("0::/", {"cpu.max": "max 100000", "memory.max": "max", "memory.high": "max"}, 0, 0),
        ("0::/", {"cpu.max": "350000 100000", "memory.max": "2000000000"}, 3, 2_000_000_000),
        ("0::/", {"cpu.max": "50000 100000", "memory.high": "500000000"}, 1, 500_000_000),
        (  # the least of all that a group is nested in, wherever it stands
            "0::/outer/middle/inner",
            {
                "outer/cpu.max": "max 100000", "outer/memory.max": "900000000",
                "outer/middle/cpu.max": "200000 100000", "outer/middle/memory.max": "max",
                "outer/middle/inner/cpu.max": "400000 100000",
                "outer/middle/inner/memory.max": "1000000000",
                "outer/neighbour/cpu.max": "100000 100000", "outer/neighbour/memory.max": "1",
            },
            2, 900_000_000,
        ),
        (  # a container that shows its own group at the mount, under the host's path
            "5:memory:/docker/3f2a\n4:cpu,cpuacct:/docker/3f2a",
            {
                "cpu,cpuacct/cpu.cfs_quota_us": "200000", "cpu,cpuacct/cpu.cfs_period_us": "100000",
                "memory/memory.limit_in_bytes": "1000000000",
            },
            2, 1_000_000_000,
        ),
        (
            "2:cpuacct,cpu:/slurm/job_7/step_0\n3:memory:/slurm/job_7/step_0",
            {
                "cpu/slurm/job_7/cpu.cfs_quota_us": "600000",
                "cpu/slurm/job_7/cpu.cfs_period_us": "200000",
                "cpu/slurm/job_7/step_0/cpu.cfs_quota_us": "-1",
                "cpu/slurm/job_7/step_0/cpu.cfs_period_us": "200000",
                "memory/memory.limit_in_bytes": UNLIMITED,
                "memory/slurm/job_7/memory.limit_in_bytes": "4000000000",
                "memory/slurm/job_7/step_0/memory.limit_in_bytes": UNLIMITED,
            },
            3, 4_000_000_000,
        ),
        (  # a pod's limit, which its containers do not see but for this line
            "4:memory:/",
            {
                "memory/memory.limit_in_bytes": UNLIMITED,
                "memory/memory.stat": "cache 0\nrss 0\nhierarchical_memory_limit 800000000\nx 1",
            },
            0, 800_000_000,
        ),
        (  # both versions at once, as systemd mounts them
            "3:cpu,cpuacct:/\n0::/user.slice",
            {"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"},
            1, 0,
        ),
        ("0::/../other", {"cpu.max": "300000 100000", "../other/cpu.max": "1 1"}, 3, 0),
        ("", {"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "0"}, 0, 0),
    ],
)  # fmt: skip
def test_the_least_of_all_groups_counts(
    tmp_path: Path, groups: str, files: Mapping[str, str], cores: int, memory: int
) -> None:
    root = machine(tmp_path, groups, files)
    assert cgroups.cores(root) == cores
    found = cgroups.memory(root)
    assert (0 if found == int(UNLIMITED) else found) == memory


def test_a_machine_without_them_has_no_limits(tmp_path: Path) -> None:
    assert (cgroups.cores(tmp_path), cgroups.memory(tmp_path)) == (0, 0)
    assert this_machine().cores >= 1
