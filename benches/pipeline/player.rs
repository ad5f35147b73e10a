//! A pipeline that plays preloaded frames through one element, as many at a time as it is asked for.

use std::{
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use gst::prelude::*;
use gst_app::AppSrc;
use gst_video::VideoInfo;

/// Longest wait for a frame, so that a pipeline that has failed is told of.
const PATIENCE: Duration = Duration::from_secs(20);

/// Frames on their way while another is pushed: the element must never wait for one.
const QUEUED: u64 = 4;

/// `appsrc ! element ! fakesink`, running.
pub struct Player {
    pipeline: gst::Pipeline,
    source: AppSrc,
    frames: Vec<gst::Buffer>,
    pushed: u64,
    arrived: Arc<(Mutex<u64>, Condvar)>,
}

impl Player {
    /// Starts a pipeline for `frames` around an element, which stands as in `gst-launch-1.0`.
    ///
    /// # Errors
    /// If there is no such element.
    pub fn new(element: &str, info: &VideoInfo, frames: Vec<gst::Buffer>) -> Result<Self> {
        let description = format!(
            "appsrc name=source format=time max-bytes=0 ! {element} ! fakesink name=sink sync=false async=false"
        );
        let pipeline = gst::parse::launch(&description)?;
        let pipeline: gst::Pipeline = pipeline.downcast().expect("several elements");
        let source = pipeline.by_name("source").expect("the source");
        let source: AppSrc = source.downcast().expect("an appsrc");
        source.set_caps(Some(&info.to_caps()?));
        let sink = pipeline.by_name("sink").expect("the sink");
        let arrived = Arc::new((Mutex::new(0), Condvar::new()));
        let counter = arrived.clone();
        let pad = sink.static_pad("sink").expect("a sink has a pad");
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            *counter.0.lock().expect("no panic while counting") += 1;
            counter.1.notify_one();
            gst::PadProbeReturn::Ok
        });
        pipeline.set_state(gst::State::Playing)?;
        Ok(Self {
            pipeline,
            source,
            frames,
            pushed: 0,
            arrived,
        })
    }

    /// Plays the next `count` frames; how long until the last has arrived.
    ///
    /// # Errors
    /// If the pipeline fails.
    pub fn play(&mut self, count: u32) -> Result<Duration> {
        let started = Instant::now();
        for _ in 0..count {
            let frame = &self.frames[self.pushed as usize % self.frames.len()];
            // A buffer of its own around the same memory.
            self.source.push_buffer(frame.copy())?;
            self.pushed += 1;
            self.wait(QUEUED)?;
        }
        self.wait(0)?;
        Ok(started.elapsed())
    }

    /// Waits until at most as many frames are on their way.
    fn wait(&self, most: u64) -> Result<()> {
        let (arrived, changed) = &*self.arrived;
        let arrived = arrived.lock().expect("no panic while counting");
        let (arrived, _) = changed
            .wait_timeout_while(arrived, PATIENCE, |arrived| *arrived + most < self.pushed)
            .expect("no panic while counting");
        ensure!(*arrived + most >= self.pushed, "{}", self.error());
        Ok(())
    }

    fn error(&self) -> String {
        let bus = self.pipeline.bus().expect("a pipeline has a bus");
        let message = bus.pop_filtered(&[gst::MessageType::Error]);
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Error(error)) => error.error().to_string(),
            _ => format!("no frame within {} s", PATIENCE.as_secs()),
        }
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // What fails now concerns no measurement.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}
