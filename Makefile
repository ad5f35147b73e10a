# The two commands of the README, and those of whoever works on rclut. Nothing else is decided here.

.PHONY: demo test install setup

# Plays the bundled clip through the plugin and shows what it gains: target/demo/.
demo: setup
	scripts/demo.sh

# Every test of the workspace; a GLib warning or critical fails the one that caused it.
test: setup
	G_DEBUG=fatal_warnings cargo test --workspace

# The plugin where GStreamer finds it; DESTDIR and PLUGINS say elsewhere.
install: setup
	scripts/install.sh

setup:
	@scripts/setup.sh
