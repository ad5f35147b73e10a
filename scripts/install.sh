#!/usr/bin/env bash
# Builds the plugin and puts it where GStreamer looks for plugins, or where PLUGINS says; DESTDIR goes in front, for packagers.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${DESTDIR:-}${PLUGINS:-$(pkg-config --variable=pluginsdir gstreamer-1.0)}
cargo build --release --lib
case $(uname) in
    Darwin) library=libgstrclut.dylib ;;
    *) library=libgstrclut.so ;;
esac
as_root=()
if ! mkdir -p "$folder" 2>/dev/null || [ ! -w "$folder" ]; then
    as_root=(sudo)
fi
"${as_root[@]}" mkdir -p "$folder"
"${as_root[@]}" install -m 755 "target/release/$library" "$folder/"
# Models that are not built in, found by name: src/engine/model/installed.rs.
"${as_root[@]}" mkdir -p "$folder/rclut"
"${as_root[@]}" install -m 644 luts/*.safetensors "$folder/rclut/"
echo "installed $folder/$library and the models in $folder/rclut"
