#!/usr/bin/env bash
# Unpacks libtorch for the trainer's feature `torch` into vendor/libtorch: the processor-only parts of PyTorch's own
# wheel, 487 MB, once. Needs python3 with pip; no CUDA stack, no virtual environment. Nothing is done where LIBTORCH or
# LIBTORCH_USE_PYTORCH name another libtorch.
set -euo pipefail
version=2.13.0

if [ -n "${LIBTORCH:-}" ] && [ ! -e "$LIBTORCH/lib/libtorch.so" ]; then
    echo "LIBTORCH=$LIBTORCH: found no lib/libtorch.so in it, expected the folder that holds lib and include" >&2
    exit 1
fi
if [ -n "${LIBTORCH:-}${LIBTORCH_USE_PYTORCH:-}" ]; then
    exit 0
fi
destination=$(dirname "$0")/../vendor/libtorch
stamp=$destination/torch/build-version
if [ "$(cat "$stamp" 2>/dev/null)" = "$version" ]; then
    exit 0
fi
if [ "$(uname -sm)" != "Linux x86_64" ]; then
    echo "no libtorch is known here for $(uname -sm): install PyTorch $version and set LIBTORCH_USE_PYTORCH=1" >&2
    exit 1
fi

echo "fetching libtorch $version into vendor/libtorch (once)"
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
fetch() {
    python3 -m pip download --quiet --no-deps --no-cache-dir --only-binary=:all: --dest "$wheels" "$@"
}
fetch --python-version 3.11 --implementation cp --abi cp311 --platform manylinux_2_28_x86_64 "torch==$version"
# libtorch_cpu.so links to these two, whether or not there is a GPU.
fetch nvidia-cuda-cupti==13.0.85 nvidia-cuda-runtime==13.0.96

python3 - "$wheels" "$destination" <<'PYTHON'
import pathlib, sys, zipfile

wheels, destination = map(pathlib.Path, sys.argv[1:])
libraries = {f"torch/lib/{name}" for name in ("libtorch_cpu.so", "libtorch.so", "libc10.so", "libgomp.so.1")}
libraries |= {f"nvidia/cu13/lib/{name}" for name in ("libcupti.so.13", "libcudart.so.13")}
found = set()
for wheel in sorted(wheels.glob("*.whl")):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name in libraries or name.startswith("torch/include/"):
                archive.extract(name, destination)
                found.add(name)
if missing := libraries - found:
    sys.exit(f"not in the wheels: {sorted(missing)}")
PYTHON
# Written last: an unpacking that was stopped is done again.
echo "$version" >"$stamp"
