"""A fresh age key pair for each job: weights of one job open with no other job's key."""

from __future__ import annotations

from pathlib import Path

import pyrage

from .errors import WeighbridgeError
from .state import write_atomic

_FILE = "identity.txt"


def new_identity(job_dir: Path) -> str:
    """Makes one and keeps it in the form of `age-keygen`. Durable when it returns. :returns: the recipient, `age1...`"""
    identity = pyrage.x25519.Identity.generate()
    recipient = str(identity.to_public())
    job_dir.mkdir(parents=True, exist_ok=True)
    job_dir.chmod(0o700)
    write_atomic(job_dir / _FILE, f"# public key: {recipient}\n{identity}\n".encode())
    return recipient


def decrypt(job_dir: Path, ciphertext: bytes) -> bytes:
    """Opens an age file with the job's own key. :raises WeighbridgeError: CONFIG_INVALID, DIGEST_MISMATCH"""
    path = job_dir / _FILE
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise WeighbridgeError(
            "CONFIG_INVALID",
            f"the key to this job's weights, {path}, cannot be read",
            next="Go on on the machine, and with the state directory, that started the job.",
        ) from error
    secret = next((line for line in lines if line.startswith("AGE-SECRET-KEY-")), "")
    try:
        plaintext: bytes = pyrage.decrypt(ciphertext, [pyrage.x25519.Identity.from_str(secret)])
    except (pyrage.DecryptError, pyrage.IdentityError):
        raise WeighbridgeError(
            "DIGEST_MISMATCH",
            "the weights were not encrypted to this job's key, or were changed",
            next="Try again; if it stays so, show the receipt to the operator.",
        ) from None
    return plaintext
