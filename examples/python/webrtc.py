#!/usr/bin/env python3
"""Upscales a test picture and sends it by WebRTC to a receiver in the same program, which prints what arrives.

    GST_PLUGIN_PATH=target/release examples/python/webrtc.py

Between two machines, the descriptions and candidates that `connect` hands over go through a signalling server instead.
Needs PyGObject and WebRTC (Debian: python3-gst-1.0, gir1.2-gst-plugins-bad-1.0, gstreamer1.0-plugins-bad,
gstreamer1.0-nice).
"""

import argparse
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402, F401

SENDER = (
    "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=180,framerate=25/1"
    " ! queue leaky=downstream max-size-buffers=2 ! rclut scale=2 late=degrade"
    " ! vp8enc deadline=1 cpu-used=8 keyframe-max-dist=25 ! rtpvp8pay"
    " ! application/x-rtp,media=video,encoding-name=VP8,payload=96 ! webrtcbin name=sender"
)
RECEIVER = "rtpvp8depay name=depay ! vp8dec ! fakesink name=sink signal-handoffs=true"


def connect(sender, receiver):
    """Offer, answer and candidates: all that the two tell each other before they can talk."""
    for one, other in ((sender, receiver), (receiver, sender)):
        one.connect("on-ice-candidate", lambda _, line, text, to: to.emit("add-ice-candidate", line, text), other)

    def on_answer(promise):
        reply = promise.get_reply()
        answer = reply.get_value("answer")
        receiver.emit("set-local-description", answer, None)
        sender.emit("set-remote-description", answer, None)

    def on_offer(promise):
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        sender.emit("set-local-description", offer, None)
        receiver.emit("set-remote-description", offer, None)
        receiver.emit("create-answer", None, Gst.Promise.new_with_change_func(on_answer))

    def on_negotiation_needed(_):
        sender.emit("create-offer", None, Gst.Promise.new_with_change_func(on_offer))

    sender.connect("on-negotiation-needed", on_negotiation_needed)


def main():
    parser = argparse.ArgumentParser(description="Send upscaled video by WebRTC.")
    parser.add_argument("--frames", type=int, default=25, help="stop after so many have arrived")
    arguments = parser.parse_args()

    Gst.init(None)
    pipeline = Gst.parse_launch(SENDER)
    sender = pipeline.get_by_name("sender")
    receiver = Gst.ElementFactory.make("webrtcbin")
    decoder = Gst.parse_bin_from_description(RECEIVER, False)
    pipeline.add(receiver)
    pipeline.add(decoder)
    connect(sender, receiver)
    depay = decoder.get_by_name("depay").get_static_pad("sink")
    decoder.add_pad(Gst.GhostPad.new("sink", depay))
    receiver.connect("pad-added", lambda _, pad: pad.link(decoder.get_static_pad("sink")))

    loop = GLib.MainLoop()
    frames, failure = 0, None

    def on_frame(_sink, _buffer, pad):
        nonlocal frames
        frames += 1
        if frames == arguments.frames:
            size = pad.get_current_caps().get_structure(0)
            print(f"{frames} frames of {size.get_value('width')}x{size.get_value('height')} have arrived")
            loop.quit()

    def on_error(_bus, message):
        nonlocal failure
        failure = message.parse_error()[0].message
        loop.quit()

    decoder.get_by_name("sink").connect("handoff", on_frame)
    bus = pipeline.get_bus()
    bus.add_signal_watch()
    bus.connect("message::error", on_error)
    pipeline.set_state(Gst.State.PLAYING)
    try:
        loop.run()
    except KeyboardInterrupt:
        pass
    pipeline.set_state(Gst.State.NULL)
    return failure


if __name__ == "__main__":
    sys.exit(main())
