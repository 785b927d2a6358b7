"""A stop that is asked for before the trainer is there: the run is left as one that can be gone on with."""

import os
import subprocess
import sys

from rnnbench.runs.store import RunStore

# Found by every Python process on the path: asks its own process to end when that begins to load torch.
TERMINATE_AT_TORCH = """
import os, signal, sys

class Terminate:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGTERM)

sys.meta_path.insert(0, Terminate())
"""


def test_sigterm_while_torch_is_loaded_leaves_a_run_to_go_on_with(cli, workspace, tmp_path):
    """Exit code 143, one line that says so and no traceback; resumed, the run comes to its end."""
    (tmp_path / "sitecustomize.py").write_text(TERMINATE_AT_TORCH)
    words = (
        "train", "--headless", "--run", "early", "--corpus", "small", "--hidden", "8", "--batch-size", "4",
        "--steps-per-sequence", "8", "--max-steps", "2", "--device", "cpu", "--threads", "1",
        "--set", "corpus.first_characters=800", "--set", "evaluation.sample_length=0",
    )  # fmt: skip
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-m", "rnnbench", *words], check=False, capture_output=True, text=True,
        env={**os.environ, "RNNBENCH_HOME": str(workspace.root), "PYTHONPATH": path},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (143, "")
    named, stopped = done.stdout.splitlines()
    assert named == "run early" and stopped.startswith("stopped at step 0 ")
    run = RunStore(workspace).find("early")
    assert run.state(run.progress()) == "stopped"
    assert cli("resume", "early", "--headless").code == 0
    assert run.state(run.progress()) == "finished" and run.progress().step == 2
