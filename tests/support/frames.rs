//! Frames in and out of an `rclut` element: real pipelines, harnesses, and the visible samples of a frame.

use std::sync::Once;

use gst::glib::{self, LogLevels};
use gst::prelude::*;
use gst_video::prelude::*;
use gst_video::{VideoFrameRef, VideoInfo};
use gstrclut::engine::model::Graph;

use super::tables;

/// Initialises GStreamer and registers the element from this build, once for each process. GLib's warnings and criticals
/// end the process from then on.
pub fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        gst::init().unwrap();
        glib::log_set_always_fatal(LogLevels::LEVEL_WARNING | LogLevels::LEVEL_CRITICAL);
        gstrclut::plugin_register_static().unwrap();
    });
}

/// The formats of the element's pad templates.
pub fn formats() -> Vec<String> {
    init();
    let factory = gst::ElementFactory::find("rclut").unwrap();
    let templates = factory.static_pad_templates();
    let caps = templates.iter().next().unwrap().caps();
    let formats = caps
        .structure(0)
        .unwrap()
        .get::<gst::List>("format")
        .unwrap();
    formats.iter().map(|format| format.get().unwrap()).collect()
}

/// Files of models with generated tables, one for each scale 1..=4, that no training changes.
pub struct Models {
    folder: tempfile::TempDir,
}

/// Writes the files.
pub fn models() -> Models {
    let folder = tempfile::tempdir().unwrap();
    let models = Models { folder };
    for scale in 1..=4 {
        let graph = Graph::parse("s", scale).unwrap();
        let model = tables::model(&graph, tables::Kind::Smooth, 7);
        model.save(models.path(scale)).unwrap();
    }
    models
}

impl Models {
    pub fn path(&self, scale: u32) -> String {
        let path = self.folder.path().join(format!("x{scale}.safetensors"));
        path.to_str().unwrap().to_owned()
    }
}

/// A plane's visible bytes, row by row; padding is left out.
pub type PlaneBytes = Vec<u8>;

/// The visible bytes of each plane of a frame.
pub fn planes(buffer: &gst::BufferRef, info: &VideoInfo) -> Vec<PlaneBytes> {
    let frame = VideoFrameRef::from_buffer_ref_readable(buffer, info).unwrap();
    let format = frame.format_info();
    (0..frame.n_planes())
        .map(|plane| {
            let component = format.plane().iter().position(|of| *of == plane).unwrap();
            let pixel = info.comp_pstride(component as u8) as usize;
            let width = format.scale_width(component as u8, info.width()) as usize;
            let height = format.scale_height(component as u8, info.field_height()) as usize;
            let stride = frame.plane_stride()[plane as usize] as usize;
            let data = frame.plane_data(plane).unwrap();
            let rows = data.chunks(stride).take(height);
            // GStreamer gives no stride for pixels of which three share four bytes.
            let length = match pixel {
                0 => width.div_ceil(3) * 4,
                pixel => width * pixel,
            };
            rows.flat_map(|row| row[..length].to_vec()).collect()
        })
        .collect()
}

/// What a pipeline's `appsink` named `sink` has been given.
pub struct Run {
    pub frames: Vec<Vec<PlaneBytes>>,
    pub caps: Vec<gst::Caps>,
    /// The text of the first error on the bus.
    pub error: Option<String>,
}

/// Runs a pipeline, whose last element is `appsink name=sink`, to its end or its first error.
pub fn run(description: &str) -> Run {
    init();
    let pipeline = gst::parse::launch(description).unwrap_or_else(|e| panic!("{description}: {e}"));
    let pipeline = pipeline.downcast::<gst::Pipeline>().unwrap();
    let sink = pipeline.by_name("sink").unwrap();
    sink.set_property("sync", false);
    let mut run = Run {
        frames: Vec::new(),
        caps: Vec::new(),
        error: None,
    };
    let started = pipeline.set_state(gst::State::Playing);
    while started.is_ok() {
        let Some(sample) = sink.emit_by_name::<Option<gst::Sample>>("pull-sample", &[]) else {
            break;
        };
        let caps = sample.caps_owned().unwrap();
        let info = VideoInfo::from_caps(&caps).unwrap();
        run.frames.push(planes(sample.buffer().unwrap(), &info));
        run.caps.push(caps);
    }
    let bus = pipeline.bus().unwrap();
    while let Some(message) = bus.pop_filtered(&[gst::MessageType::Error]) {
        if let gst::MessageView::Error(error) = message.view() {
            run.error.get_or_insert(error.error().to_string());
        }
    }
    pipeline.set_state(gst::State::Null).unwrap();
    run
}
