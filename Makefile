# The two commands of the README, and those of whoever works on rclut. Nothing else is decided here.

.PHONY: demo test bench trainer models install setup libtorch

# Plays the bundled clip through the plugin and shows what it gains: target/demo/.
demo: setup
	scripts/demo.sh

# Every test of the workspace; a GLib warning or critical fails the one that caused it.
test: setup libtorch
	G_DEBUG=fatal_warnings cargo test --workspace
	cargo test -p rclut-trainer --features torch --lib -- convert:: network:: train::
	cargo test -p rclut-trainer --features torch --test 'torch_*'

# Cycles a pixel of every operation, frames a second of whole pipelines beside their peers: target/bench/. Wants a quiet machine.
bench: setup
	cargo bench --bench kernels
	cargo bench --bench pipeline

# The trainer with all of its commands: target/release/rclut-trainer. Without libtorch, `train` and `convert` are left out.
trainer: libtorch
	cargo build --release -p rclut-trainer --features torch

# Every model of luts/ anew, to target/models/: an hour or two on two cores.
models:
	scripts/models.sh

# The plugin where GStreamer finds it; DESTDIR and PLUGINS say elsewhere.
install: setup
	scripts/install.sh

setup:
	@scripts/setup.sh

# 487 MB, once; not fetched where LIBTORCH or LIBTORCH_USE_PYTORCH say where to find another.
libtorch:
	@scripts/get_libtorch.sh
