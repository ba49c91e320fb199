"""How the verdict of the command line program is taken over. Faked: the program. The real one is asked in
test/e2e/python-client.spec.ts."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import weighbridge as wb
from weighbridge.verification import judge

CHECK = {"name": "file", "ok": True, "detail": "canonical", "restsOn": "nothing"}


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A program that answers what it is told to, and writes down its arguments."""

    def answers(text: str, code: int) -> Path:
        script = tmp_path / "weighbridge"
        noted = tmp_path / "arguments"
        body = f"import sys\nopen({str(noted)!r}, 'w').write(repr(sys.argv[1:]))\nprint({text!r})\nsys.exit({code})\n"
        script.write_text(f"#!{sys.executable}\n{body}")
        script.chmod(0o755)
        monkeypatch.setenv("WEIGHBRIDGE_CLI", str(script))
        return noted

    return answers


def test_a_verdict_that_holds(program: Any) -> None:
    noted = program(json.dumps({"ok": True, "checks": [CHECK]}), 0)
    verdict = wb.verify("receipt.json", trust="trust.json", weights="w.safetensors")
    assert verdict
    assert verdict.checks == [wb.Check("file", True, "canonical", "nothing")]
    assert eval(noted.read_text()) == [
        "verify",
        "receipt.json",
        "--json",
        "--trust",
        "trust.json",
        "--weights",
        "w.safetensors",
    ]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"ok": False, "checks": [{**CHECK, "ok": False}]}, 1),
        ({"ok": True, "checks": [CHECK]}, 1),
        ({"ok": True, "checks": [CHECK, {**CHECK, "ok": False}]}, 0),
        ({"ok": "yes", "checks": [CHECK]}, 0),
    ],
)
def test_whatever_is_not_wholly_good_is_not(program: Any, answer: Any, code: int) -> None:
    program(json.dumps(answer), code)
    assert not wb.verify("receipt.json")


@pytest.mark.parametrize(("text", "code"), [("", 0), ("[]", 0), ("{}", 0), ('{"ok": true}', 0), ("oops", 2)])
def test_no_answer_is_no_verdict(program: Any, text: str, code: int) -> None:
    program(text, code)
    with pytest.raises(wb.WeighbridgeError) as caught:
        wb.verify("receipt.json")
    assert caught.value.code == "CONFIG_INVALID"


def test_errors_of_the_program_are_ours(program: Any) -> None:
    program(json.dumps({"error": {"code": "BAD_INPUT", "message": "x cannot be read", "next": "Check the path."}}), 2)
    with pytest.raises(wb.WeighbridgeError, match="x cannot be read") as caught:
        wb.verify("x")
    assert caught.value.code == "BAD_INPUT"


def test_a_receipt_that_lies_nowhere_is_judged_by_a_network_file(program: Any) -> None:
    noted = program(json.dumps({"ok": True, "checks": [CHECK]}), 0)
    assert judge(b"{}\n", {"chainId": 31337})
    command, receipt, *options = eval(noted.read_text())
    assert (command, options[:2]) == ("verify", ["--json", "--network"])
    assert not Path(receipt).exists()
    assert not Path(options[2]).exists()


def test_without_a_program_there_is_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEIGHBRIDGE_CLI", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert judge(b"{}\n", {}) is None


@pytest.mark.parametrize(
    ("node", "said"), [(True, "Node is there, the program is not"), (False, "there is no node on the PATH")]
)
def test_says_what_is_missing(node: bool, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEIGHBRIDGE_CLI", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("weighbridge.verification.find_upwards", lambda _folder, _name: None)
    if node:
        (tmp_path / "node").touch(mode=0o755)
    with pytest.raises(wb.WeighbridgeError, match=said):
        wb.verify("receipt.json")
