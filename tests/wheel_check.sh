#!/usr/bin/env bash
# Installs a wheel into an empty environment, without extras, and does there what an observer does first.
# Proves that the runtime neither needs nor brings torch.
set -euo pipefail
wheel=$(realpath "$1")
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"  # away from the checkout: only what the wheel holds may be imported
"${PYTHON:-python3}" -m venv clean
clean/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$here/constraints.txt"
clean/bin/python -m pip install --quiet --disable-pip-version-check --no-deps "$wheel"
clean/bin/python - <<'PY'
import importlib.util
for name in ("torch", "torchvision", "onnx", "sklearn", "matplotlib"):
    assert importlib.util.find_spec(name) is None, f"{name} came with the runtime"
PY
clean/bin/nebulift --help > /dev/null
clean/bin/nebulift simulate night --frames 6 --seed 7
clean/bin/nebulift doctor  # nothing set up yet is no failure
clean/bin/nebulift doctor --output "$work/sorted" "$work/night" || test $? -eq 1
clean/bin/nebulift classify night
clean/bin/nebulift classify --json night | clean/bin/python -c '
import json, sys
records = [json.loads(line) for line in sys.stdin]
assert len(records) == 6, len(records)
assert all(record["verdict"] in {"clean", "contaminated", "review"} for record in records), records
assert any(record["model"] for record in records), "the bundled model took no part"
'
echo "wheel: installed without extras, judged 6 frames without torch"
