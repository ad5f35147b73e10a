#!/usr/bin/env python3
"""PSNR-Y of every model of luts/ on the papers' sets, and the file that was measured: luts/figures.json.

    cargo build --release -p rclut-trainer
    scripts/measure_models.py [SETS]

SETS holds Set5/HR, Set14/HR and B100/HR.
"""

import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parent.parent
TRAINER = ROOT / "target/release/rclut-trainer"
SETS = ("Set5", "Set14", "B100")


def measure(path, scale, folder):
    """The mean scores of each set, as `rclut-trainer test` has them."""
    means = {}
    for name in SETS:
        with tempfile.NamedTemporaryFile(suffix=".json") as report:
            command = [TRAINER, "test", "--model", path, "--scale", scale, "--hr", folder / name / "HR", "--json", report.name]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            means[name] = json.load(report)["mean"]
    return means


def decibels(means, score):
    return {name: round(mean[score], 3) for name, mean in means.items()}


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "../shared/data/bench"
    figures = {"bicubic": {}, "models": {}}
    for path in sorted((ROOT / "luts").glob("*.safetensors")):
        scale = path.stem.rpartition("-x")[2]
        means = measure(path, scale, folder)
        figures["bicubic"][f"x{scale}"] = decibels(means, "bicubic_psnr_y")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        figures["models"][path.stem] = {"sha256": digest, **decibels(means, "psnr_y")}
    (ROOT / "luts/figures.json").write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
