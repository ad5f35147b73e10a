#!/usr/bin/env python3
"""Serves a camera, a stream from elsewhere or a test picture, upscaled, over RTSP.

    GST_PLUGIN_PATH=target/release examples/python/rtsp.py                     # a test picture
    GST_PLUGIN_PATH=target/release examples/python/rtsp.py rtsp://camera/stream
    gst-launch-1.0 playbin uri=rtsp://127.0.0.1:8554/large                     # whoever looks

Needs PyGObject and GStreamer's RTSP server (Debian: python3-gst-1.0, gir1.2-gst-rtsp-server-1.0).
"""

import argparse

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

TEST_PICTURE = "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=180,framerate=25/1"


def main():
    parser = argparse.ArgumentParser(description="Upscale a stream and serve it over RTSP.")
    parser.add_argument("source", nargs="?", help="the address to take the stream from; a test picture without one")
    parser.add_argument("--scale", type=int, choices=(1, 2, 3, 4), default=2)
    parser.add_argument("--port", default="8554")
    arguments = parser.parse_args()

    Gst.init(None)
    source = f"uridecodebin uri={arguments.source}" if arguments.source else TEST_PICTURE
    server = GstRtspServer.RTSPServer(service=arguments.port)
    factory = GstRtspServer.RTSPMediaFactory(shared=True)
    # The queue drops frames instead of falling behind.
    factory.set_launch(
        f"( {source} ! queue leaky=downstream max-size-buffers=2 ! rclut scale={arguments.scale} late=degrade"
        " ! vp8enc deadline=1 cpu-used=8 keyframe-max-dist=25 ! rtpvp8pay name=pay0 )"
    )
    server.get_mount_points().add_factory("/large", factory)
    if not server.attach(None):
        raise SystemExit(f"port {arguments.port} cannot be had")
    print(f"rtsp://127.0.0.1:{server.get_bound_port()}/large", flush=True)
    try:
        GLib.MainLoop().run()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
