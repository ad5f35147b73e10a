#!/usr/bin/env python3
"""Shows a camera, or a test picture, twice as large, and prints the frames a second.

    GST_PLUGIN_PATH=target/release examples/python/live.py            # /dev/video0 in a window
    GST_PLUGIN_PATH=target/release examples/python/live.py --test --frames 50 --sink fakesink

Needs PyGObject (Debian: python3-gst-1.0).
"""

import argparse
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description="Upscale live video.")
    parser.add_argument("--test", action="store_true", help="a test picture instead of the camera")
    parser.add_argument("--device", default="/dev/video0")
    parser.add_argument("--sink", default="autovideosink", help="where the picture goes")
    parser.add_argument("--frames", type=int, help="stop after so many")
    arguments = parser.parse_args()

    Gst.init(None)
    source = "videotestsrc is-live=true pattern=ball" if arguments.test else f"v4l2src device={arguments.device}"
    pipeline = Gst.parse_launch(
        f"{source} ! videoconvert ! video/x-raw,width=640,height=360 ! queue leaky=downstream max-size-buffers=2"
        f" ! rclut name=upscaler scale=2 ! videoconvert ! {arguments.sink}"
    )
    frames = 0

    def count(_pad, _info):
        nonlocal frames
        frames += 1
        if frames == arguments.frames:
            loop.quit()
        return Gst.PadProbeReturn.OK

    pad = pipeline.get_by_name("upscaler").get_static_pad("src")
    pad.add_probe(Gst.PadProbeType.BUFFER, count)

    loop = GLib.MainLoop()
    failure = None

    def report(last):
        print(f"{frames - last[0]} frames/s", flush=True)
        last[0] = frames
        return GLib.SOURCE_CONTINUE

    def on_message(_bus, message):
        nonlocal failure
        if message.type == Gst.MessageType.ERROR:
            failure = message.parse_error()[0].message
            loop.quit()
        elif message.type == Gst.MessageType.EOS:
            loop.quit()

    bus = pipeline.get_bus()
    bus.add_signal_watch()
    bus.connect("message", on_message)
    GLib.timeout_add_seconds(1, report, [0])
    pipeline.set_state(Gst.State.PLAYING)
    try:
        loop.run()
    except KeyboardInterrupt:
        pass
    pipeline.set_state(Gst.State.NULL)
    print(f"{frames} frames in all")
    return failure


if __name__ == "__main__":
    sys.exit(main())
