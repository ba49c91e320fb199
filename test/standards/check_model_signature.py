"""Holds a model's signature against the OpenSSF model signing tool. Run by hand, in an environment of its own:

    python3 -m venv env
    env/bin/pip install model-signing==1.1.1 pyOpenSSL==26.4.0
    env/bin/python test/standards/check_model_signature.py             # the folder test/vectors/model-signature
    env/bin/python test/standards/check_model_signature.py FOLDER      # what `weighbridge train --out` wrote there

The tool must take the files as they are, and refuse them when any signed one has a byte more. Exits with 1 if it does not. The packages
are 95 MB, which is why `npm test` has what they passed instead (src/training/model-files/model-files.spec.ts).
"""

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

VECTORS = Path(__file__).parent.parent / "vectors" / "model-signature"
SIGNED = ("weights.safetensors", "model-card.md", "model.cdx.json", "declaration.json")
TIMEOUT_SECONDS = 60


def holds(folder: Path) -> bool:
    tool = [Path(sys.executable).with_name("model_signing"), "verify", "key", folder]
    keys = ["--signature", folder / "model.sig", "--public_key", folder / "model-signing-key.pub"]
    command = [*tool, *keys, "--ignore_unsigned_files"]
    ended = subprocess.run(command, check=False, capture_output=True, timeout=TIMEOUT_SECONDS)
    return ended.returncode == 0


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else VECTORS
    wrong = [] if holds(folder) else ["the files as they are: refused"]
    for name in SIGNED:
        with TemporaryDirectory() as temporary:
            copy = Path(shutil.copytree(folder, Path(temporary) / "model"))
            with (copy / name).open("ab") as file:
                file.write(b" ")
            if holds(copy):
                wrong.append(f"{name} with a byte more: taken")
    print("\n".join(wrong) if wrong else f"{folder}: signed, and every signed file counts")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
