"""Many threads at once decode what none has decoded before: the snapshot does so right after each start."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

from tests.patience import LONGEST

_FIRST_USE = """
    import os, sys, threading
    from upgrade.gateways.kube import rows
    from upgrade.gateways.kube.api import _Page, decoded

    KINDS = (rows.Node, rows.Pod, rows.Pdb, rows.Workload, rows.Namespace, rows.EndpointSlice)

    def one_process():
        sys.setswitchinterval(1e-6)
        together = threading.Barrier(len(KINDS) * 2)

        def look(kind):
            together.wait()
            decoded(b'{"items": [{"metadata": {"name": "x"}}]}', _Page[kind], "list things")

        threads = [threading.Thread(target=look, args=(kind,)) for kind in KINDS * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    ended = []
    for _ in range(60):
        if (pid := os.fork()) == 0:
            one_process()
            os._exit(0)
        ended.append(os.waitpid(pid, 0)[1])
    sys.exit(f"{sum(map(bool, ended))} of {len(ended)} processes died" if any(ended) else 0)
"""


def test_threads_that_decode_a_type_for_the_first_time_at_once_do_not_crash_the_process() -> None:
    """msgspec 0.22.0 segfaults when two threads learn a type at once; a dead process is all that there is to see."""
    done = subprocess.run(
        [sys.executable, "-c", dedent(_FIRST_USE)], capture_output=True, text=True, timeout=LONGEST, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
