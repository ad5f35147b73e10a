#!/usr/bin/env bash
# Builds the plugin as a user would have it and plays the bundled clip through it (examples/rust/demo.rs).
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --lib --example demo
# A registry of its own keeps the user's free of a plugin in a build folder.
export GST_PLUGIN_PATH=$PWD/target/release GST_REGISTRY=$PWD/target/demo/registry.bin
mkdir -p target/demo
target/release/examples/demo
