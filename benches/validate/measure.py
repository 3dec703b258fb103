"""Runs a command several times and prints what each run took, by the kernel's own account of the child.

usage: measure.py COUNT COMMAND [ARGUMENT…]; one line a run: wall ms, user ms, system ms, peak memory KiB, exit code
"""

import os
import sys
import time

devnull = os.open(os.devnull, os.O_RDWR)
actions = [(os.POSIX_SPAWN_DUP2, devnull, number) for number in (0, 1, 2)]
for _ in range(int(sys.argv[1])):
    begun = time.perf_counter()
    child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ, file_actions=actions)
    _, status, used = os.wait4(child, 0)
    wall = time.perf_counter() - begun
    code = os.waitstatus_to_exitcode(status)
    print(f"{wall * 1e3:.3f} {used.ru_utime * 1e3:.3f} {used.ru_stime * 1e3:.3f} {used.ru_maxrss} {code}")
