#!/usr/bin/env bash
# Check and measure sklearn_cass on a GPU, in at most eight minutes.
#
#     benchmarks/gpu.sh                      on CUDA: writes gpu.json
#     benchmarks/gpu.sh --device cpu         the same with small sizes, without a GPU
#     benchmarks/gpu.sh --output FILE --commit "$(git rev-parse HEAD)" --seed 0
#
# It needs a checkout, bash, and a python3 (or PYTHON=...) with numpy and a PyTorch that
# sees the GPU; that PyTorch is used as it is. No network is needed: packages that this
# Python lacks are installed, without their dependencies, from benchmarks/wheels to a
# temporary folder. Fill that folder beforehand on a machine with network:
#
#     PYTHON_VERSION=3.12 benchmarks/gpu.sh --download
#     PYTHON_VERSION=3.12 benchmarks/gpu.sh --download skorch
#
# PYTHON_VERSION is that of the machine with the GPU (Linux, x86-64); the folder is
# ignored by git. The first command fetches all packages below, 46 MiB; the second those
# that are missing. Where scikit-learn, SciPy, safetensors and pytest are installed,
# skorch alone may be enough.
#
# The exit status is 0 if every test and every check passed; all numbers, and the parts
# that failed or ran out of time, are in the JSON file.

set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
wheels=benchmarks/wheels
packages=(skorch scikit-learn scipy joblib threadpoolctl narwhals tabulate tqdm
    safetensors pytest iniconfig pluggy packaging pygments)

if [ "${1:-}" = --download ]; then
    shift
    [ $# -gt 0 ] && packages=("$@")
    platforms=()
    for tag in manylinux2014 manylinux_2_17 manylinux_2_27 manylinux_2_28; do
        platforms+=(--platform "${tag}_x86_64")
    done
    exec "$python" -m pip download --no-deps --only-binary=:all: --dest "$wheels" \
        --implementation cp ${PYTHON_VERSION:+--python-version "$PYTHON_VERSION"} \
        "${platforms[@]}" "${packages[@]}"
fi

site=$(mktemp -d)
trap 'rm -rf "$site"' EXIT
mapfile -t missing < <("$python" - "$wheels" <<'END'
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

for wheel in sorted(Path(sys.argv[1]).glob("*.whl")):
    try:
        version(wheel.name.split("-")[0])
    except PackageNotFoundError:
        print(wheel)
END
)
if [ ${#missing[@]} -gt 0 ]; then
    "$python" -m pip install --quiet --no-index --no-deps --no-compile \
        --disable-pip-version-check --target "$site" "${missing[@]}"
fi
export PYTHONPATH="$site${PYTHONPATH:+:$PYTHONPATH}"
"$python" -m benchmarks.gpu "$@"
