"""`weighbridge.verify`: a receipt, checked offline.

The judge is the product's own verifier (`src/provenance/verify`), run on this machine through the command line program; there
is no second one in Python that could disagree with it. So this call, alone of all in this package, needs Node; a training asks
the same judge of its receipt where there is one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import WeighbridgeError
from .network import find_upwards

_TIMEOUT_SECONDS = 120
_HELD, _FAILED = 0, 1


@dataclass(frozen=True)
class Check:
    """One line of a verdict."""

    name: str
    ok: bool
    #: What was found.
    detail: str
    #: What belief in it rests on.
    rests_on: str


@dataclass(frozen=True)
class Verdict:
    """True, as a condition, if every check passed."""

    ok: bool
    checks: list[Check]

    def __bool__(self) -> bool:
        return self.ok

    @property
    def failed(self) -> Check | None:
        """The first check that did not pass."""
        return next((check for check in self.checks if not check.ok), None)


def verify(
    receipt: str | os.PathLike[str],
    *,
    trust: str | os.PathLike[str] | None = None,
    weights: str | os.PathLike[str] | None = None,
    network: str | os.PathLike[str] | None = None,
) -> Verdict:
    """Checks a receipt with no network and no trust in the marketplace.

    :param receipt: `receipt.json`, or a result of :func:`weighbridge.train` by its `receipt`
    :param trust: the trust file that you chose to believe; else trust is taken from the network file
    :param weights: the returned file, as `train(out=...)` wrote it: is it the one that was weighed?
    :raises WeighbridgeError: BAD_INPUT for files that cannot be read, CONFIG_INVALID without the command line program
    """
    arguments = ["verify", os.fspath(receipt), "--json"]
    for option, value in (("--trust", trust), ("--weights", weights), ("--network", network)):
        if value is not None:
            arguments += [option, os.fspath(value)]
    try:
        ended = subprocess.run(  # noqa: S603 (our own program, arguments as a list)
            [*_program(), *arguments], capture_output=True, timeout=_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _cannot_judge(str(error)) from error
    answer = _answer_of(ended.stdout)
    if ended.returncode not in (_HELD, _FAILED) or "checks" not in answer:
        raise _error_of(answer)
    checks = [Check(one["name"], one["ok"] is True, one["detail"], one["restsOn"]) for one in answer["checks"]]
    # Both must say so: the verdict and the exit code.
    return Verdict(answer["ok"] is True and ended.returncode == _HELD and all(check.ok for check in checks), checks)


def judge(receipt: bytes, network: Mapping[str, Any]) -> Verdict | None:
    """The verdict on a receipt that lies nowhere yet, by what a network file trusts.

    :returns: None where there is no program to judge it
    """
    try:
        _program()
    except WeighbridgeError:
        return None
    with tempfile.TemporaryDirectory() as folder:
        receipt_file, network_file = Path(folder) / "receipt.json", Path(folder) / "network.json"
        receipt_file.write_bytes(receipt)
        network_file.write_text(json.dumps(network), "utf-8")
        return verify(receipt_file, network=network_file)


def _program() -> list[str]:
    """`$WEIGHBRIDGE_CLI`, else `weighbridge` of the PATH, else that of the checkout that we are in."""
    named = os.environ.get("WEIGHBRIDGE_CLI")
    if named is not None:
        return [named]
    installed = shutil.which("weighbridge")
    if installed is not None:
        return [installed]
    script = Path("bin") / "weighbridge.mjs"
    found = find_upwards(Path.cwd(), script) or find_upwards(Path(__file__).parent, script)
    node = shutil.which("node")
    if node is None:
        raise _cannot_judge("there is no node on the PATH")
    if found is None:
        raise _cannot_judge("Node is there, the program is not: this is no checkout, and no weighbridge is on the PATH")
    return [node, str(found)]


def _answer_of(output: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(output)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise _cannot_judge("it said nothing that can be read")
    return answer


def _error_of(answer: dict[str, Any]) -> WeighbridgeError:
    error = answer.get("error")
    if not isinstance(error, dict):
        return _cannot_judge("its answer has another shape than expected")
    return WeighbridgeError(str(error.get("code")), str(error.get("message")), next=str(error.get("next")))


def _cannot_judge(why: str) -> WeighbridgeError:
    return WeighbridgeError(
        "CONFIG_INVALID",
        f"a receipt is judged by the command line program and Node 20 or newer: {why}",
        next="Run this in a checkout of Weighbridge, or name the program in WEIGHBRIDGE_CLI.",
    )
