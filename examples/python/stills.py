#!/usr/bin/env python3
"""Upscales every picture of a folder into PNG files of another.

    GST_PLUGIN_PATH=target/release examples/python/stills.py --scale 2 photos large

Needs PyGObject (Debian: python3-gst-1.0). Files that are no pictures are named and left out.
"""

import argparse
import pathlib
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402


def upscale(source, target, scale, model):
    """One picture; raises RuntimeError with GStreamer's message if it cannot be read."""
    pipeline = Gst.parse_launch(
        "filesrc name=source ! decodebin ! videoconvert ! video/x-raw,format={RGB,RGBA,GRAY8}"
        " ! rclut name=upscaler ! pngenc snapshot=true ! filesink name=target"
    )
    pipeline.get_by_name("source").set_property("location", str(source))
    pipeline.get_by_name("target").set_property("location", str(target))
    upscaler = pipeline.get_by_name("upscaler")
    Gst.util_set_object_arg(upscaler, "scale", str(scale))
    upscaler.set_property("model", model)
    pipeline.set_state(Gst.State.PLAYING)
    wanted = Gst.MessageType.ERROR | Gst.MessageType.EOS
    message = pipeline.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, wanted)
    pipeline.set_state(Gst.State.NULL)
    if message.type == Gst.MessageType.ERROR:
        error, _ = message.parse_error()
        raise RuntimeError(error.message)


def main():
    parser = argparse.ArgumentParser(description="Upscale the pictures of a folder.")
    parser.add_argument("source", type=pathlib.Path, help="folder of pictures")
    parser.add_argument("target", type=pathlib.Path, help="folder for the PNG files")
    parser.add_argument("--scale", type=int, choices=(1, 2, 3, 4), default=2)
    parser.add_argument("--model", default="rclut", help="a built-in family or a .safetensors file")
    arguments = parser.parse_args()

    Gst.init(None)
    if not Gst.ElementFactory.find("rclut"):
        sys.exit("GStreamer finds no element `rclut`: set GST_PLUGIN_PATH to the folder of the plugin")
    arguments.target.mkdir(parents=True, exist_ok=True)
    sources = sorted(path for path in arguments.source.iterdir() if path.is_file())
    failed = 0
    for number, source in enumerate(sources, 1):
        target = arguments.target / f"{source.stem}.png"
        try:
            upscale(source, target, arguments.scale, arguments.model)
            print(f"{number}/{len(sources)} {target}")
        except RuntimeError as error:
            failed += 1
            target.unlink(missing_ok=True)
            print(f"{number}/{len(sources)} {source}: {error}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
