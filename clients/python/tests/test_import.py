import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src"


def test_leaves_the_recursion_limit_of_the_process_as_it_is() -> None:
    """In a process of its own: in this one it was imported long ago."""
    says = "import sys; sys.setrecursionlimit(1234); import weighbridge, json; print(sys.getrecursionlimit())"
    says += "\ntry: json.loads('[' * 100_000)\nexcept RecursionError: print('refused')"
    done = subprocess.run([sys.executable, "-c", says], capture_output=True, check=True, timeout=60, cwd=SOURCE, text=True)
    assert done.stdout.split() == ["1234", "refused"]
