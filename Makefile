# The two commands of the README, and those of whoever works on rclut. Nothing else is decided here.

.PHONY: test setup

# Every test of the workspace; a GLib warning or critical fails the one that caused it.
test: setup
	G_DEBUG=fatal_warnings cargo test --workspace

setup:
	@scripts/setup.sh
