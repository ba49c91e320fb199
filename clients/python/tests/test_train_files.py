"""What comes with the weights, and what goes with the model: card, bill of materials, signature; tokenizers."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

import weighbridge as wb
from fakes import World, model_file, run
from weighbridge import model_files
from weighbridge.canonical import json_digest, sha256_hex
from weighbridge.declaration import JobOptions, declare
from weighbridge.purchase import purchase
from weighbridge.tokenizers import Tokenizers

FILES = {name: f"text of {name}" for name in model_files.NAMES}


class TestModelFiles:
    def receipt(self, digest: str | None) -> dict[str, Any]:
        """As much of a receipt as names them."""
        named = [] if digest is None else [{"name": "model-files.json", "digest": {"sha256": digest}}]
        byproducts = [{"name": "weights.safetensors.age", "digest": {"sha256": "44" * 32}}, *named]
        statement = json.dumps({"predicate": {"runDetails": {"byproducts": byproducts}}})
        envelope = json.dumps({"payload": base64.b64encode(statement.encode()).decode()})
        entry = base64.b64encode(f"weighbridge/v1 training-completed 00\n{envelope}".encode()).decode()
        return {"records": {"training-completed": {"entry": entry}}}

    def test_are_written_if_they_are_those_of_the_record(self, tmp_path: Path) -> None:
        digest = model_files.digest_in(self.receipt(json_digest(FILES)))
        assert digest is not None
        model_files.write_model_files(model_files.checked_model_files(FILES, digest), tmp_path)
        assert {path.name: path.read_text() for path in tmp_path.iterdir()} == FILES

    @pytest.mark.parametrize(
        "files",
        [None, {}, {**FILES, "model-card.md": "another"}, {**FILES, "../x": "y"}, {**FILES, "model.sig": 1}],
    )
    def test_are_not_taken_if_they_are_others(self, files: Any) -> None:
        with pytest.raises(wb.WeighbridgeError) as refused:
            model_files.checked_model_files(files, json_digest(FILES))
        assert refused.value.code == "DIGEST_MISMATCH"

    def test_with_what_was_bought_are_more(self) -> None:
        metric = {"name": "accuracy", "value": 0.5, "deviation": 0.1, "rows": 25, "bound": 1, "noiseMultiplier": 2.5}
        features = {"input": [{"kind": "scale", "column": "x", "min": 0.25, "max": 3}]}
        more = {"metric.json": json.dumps(metric), "fitted-features.json": json.dumps(features)}
        for files, bought in (
            (FILES, {}),
            ({**FILES, "metric.json": more["metric.json"]}, {"metric": metric}),
            ({**FILES, **more}, {"metric": metric, "features": features}),
        ):
            assert model_files.bought_in(model_files.checked_model_files(files, json_digest(files))) == bought
        with pytest.raises(wb.WeighbridgeError):
            model_files.checked_model_files(more, json_digest(more))

    def test_may_be_missing_but_not_unreadable(self) -> None:
        assert model_files.digest_in(self.receipt(None)) is None
        with pytest.raises(wb.WeighbridgeError):
            model_files.digest_in({"records": {"training-completed": {"entry": "AAAA"}}})


TEXT = {"kind": "text", "column": "note", "length": 3, "pad": 0}


class TestTokenizers:
    def given(self, root: Path, name: str = "words.json", text: str = '{"model": {}}') -> Tokenizers:
        (root / name).write_text(text)
        return Tokenizers.read([root / name])

    def test_a_feature_names_its_file(self, tmp_path: Path) -> None:
        read = self.given(tmp_path)
        body = (tmp_path / "words.json").read_bytes()
        named = read.in_features({"input": ["x", {**TEXT, "tokenizer": "words.json"}]})
        assert named == {"input": ["x", {**TEXT, "tokenizer": sha256_hex(body)}]}
        assert isinstance(named, dict)
        assert read.needed_by({"input": [named["input"][1], {"kind": "scale", "column": "x", "min": 0, "max": 1}]}) == [body]

    def test_they_are_sent_beside_the_model(self, world: World, tmp_path: Path) -> None:
        market, body = world.market(tmp_path), b'{"model": {}}'
        declaration = declare(model_file(), world.dataset, JobOptions())
        purchase(market, world.dataset, model_file(), declaration, "research", 60, again=False, tokenizers=[body])
        assert world.blobs[sha256_hex(body)] == body

    def test_those_that_the_model_file_carries_need_not_be_given(self, world: World, tmp_path: Path) -> None:
        read = self.given(tmp_path)
        file = model_file().with_features({"input": [{**TEXT, "tokenizer": "words.json"}]}, [tmp_path / "words.json"])
        carried = Tokenizers.read([]).and_carried(file.tokenizers)
        assert carried.needed_by(file.template["features"]) == list(file.tokenizers) == list(read.by_digest.values())

    def test_one_that_is_missing_or_idle_costs_nothing(self, world: World, tmp_path: Path) -> None:
        read = self.given(tmp_path)
        with pytest.raises(wb.WeighbridgeError, match="not given"):
            read.needed_by(
                {
                    "input": [
                        {**TEXT, "tokenizer": sha256_hex((tmp_path / "words.json").read_bytes())},
                        {**TEXT, "tokenizer": "0" * 64},
                    ]
                }
            )
        with pytest.raises(wb.WeighbridgeError, match=r"no feature names the tokenizer words\.json"):
            run(world, tmp_path, tokenizers=[tmp_path / "words.json"])
        assert world.opened == 0

    @pytest.mark.parametrize("text", ["no json", "1" * ((16 << 20) + 1)], ids=["text", "large"])
    def test_others_are_refused(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(wb.WeighbridgeError) as refused:
            self.given(tmp_path, text=text)
        assert refused.value.code == "MODEL_REJECTED"
