#!/usr/bin/env bash
# Sees to it that this machine can build and test rclut: asks for each need, and installs packages only if one is unmet.
# Debian and Ubuntu: apt, as root or through sudo. Elsewhere: prints the packages to install and stops.
set -euo pipefail

modules=(gstreamer-1.0 gstreamer-base-1.0 gstreamer-video-1.0 gstreamer-app-1.0 gstreamer-check-1.0)
elements=(videotestsrc videoconvert videoscale matroskademux vp9dec vp8enc webmmux pngdec pngenc)
minimum=1.22

debian=(build-essential pkg-config libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev
    gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good python3-gi python3-gst-1.0 python3-pip)
fedora=(gcc make pkgconf-pkg-config gstreamer1-devel gstreamer1-plugins-base-devel
    gstreamer1-plugins-good gstreamer1-plugins-good-extras python3-gobject python3-gstreamer1 python3-pip)
arch=(base-devel pkgconf gstreamer gst-plugins-base gst-plugins-good gst-python python-pip)
homebrew=(pkgconf gstreamer pygobject3)

# Prints what is missing, one need a line.
missing() {
    local module element
    for tool in cc make pkg-config gst-launch-1.0 gst-inspect-1.0; do
        command -v "$tool" >/dev/null || echo "the command $tool"
    done
    for module in "${modules[@]}"; do
        pkg-config --atleast-version="$minimum" "$module" 2>/dev/null || echo "$module >= $minimum (pkg-config)"
    done
    for element in "${elements[@]}"; do
        gst-inspect-1.0 --exists "$element" 2>/dev/null || echo "the GStreamer element $element"
    done
    python_with_gstreamer >/dev/null || echo "Python's gi with Gst 1.0"
    python3 -m pip --version >/dev/null 2>&1 || echo "Python's pip, which fetches libtorch"
}

# The first Python that sees GStreamer: a version manager's python3 often does not see the system's packages.
python_with_gstreamer() {
    local python
    for python in python3 /usr/bin/python3; do
        if "$python" -c 'import gi; gi.require_version("Gst", "1.0"); from gi.repository import Gst' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
    return 1
}

if ! command -v cargo >/dev/null; then
    echo "rclut needs Rust; install it from https://rustup.rs and run this again" >&2
    exit 1
fi

needs=$(missing)
[ -n "$needs" ] || exit 0
printf 'missing:\n%s\n' "$needs"

if ! command -v apt-get >/dev/null; then
    cat <<TEXT
Install these and run the command again:
  Fedora  sudo dnf install ${fedora[*]}
  Arch    sudo pacman -S --needed ${arch[*]}
  macOS   brew install ${homebrew[*]}
TEXT
    exit 1
fi

as_root=()
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "run this as root: apt-get install ${debian[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi
"${as_root[@]}" apt-get update
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${debian[@]}"

needs=$(missing)
if [ -n "$needs" ]; then
    printf 'still missing after the installation:\n%s\n' "$needs" >&2
    exit 1
fi
