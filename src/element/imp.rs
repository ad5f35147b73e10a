//! The element: properties, negotiation, and one frame in, one larger frame out.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard};
use std::time::Instant;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::prelude::*;
use gst_video::prelude::*;
use gst_video::subclass::prelude::*;
use gst_video::{VideoFrameRef, VideoInfo, VideoOverlayCompositionMeta};

use crate::engine::Reuse;

use super::caps;
use super::frame::FrameError;
use super::mapped;
use super::meta;
use super::pace::{self, Late, Pace};
use super::scaler::{Negotiated, Scaler};
use super::selection::Selection;
use super::settings::{self, Settings};
use super::stats::Stats;

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "rclut",
        gst::DebugColorFlags::empty(),
        Some("Look-up table upscaler"),
    )
});

/// What a running stream keeps from one frame to the next.
#[derive(Default)]
struct State {
    scaler: Scaler,
    pace: Pace,
    /// What downstream says of overlays, if it draws them.
    overlay: Option<Option<gst::Structure>>,
}

#[derive(Default)]
pub struct Rclut {
    settings: Mutex<Settings>,
    state: Mutex<State>,
    stats: Mutex<Stats>,
    /// The negotiated scale; 0 before. Apart from the state, which is locked while a frame is made.
    scale: AtomicU32,
    /// Running time before which frames come too late, as the last QoS event tells.
    earliest: Mutex<Option<gst::ClockTime>>,
}

impl Rclut {
    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap()
    }

    /// Opens the model that the properties name; an element error if it cannot be had.
    fn open_model(&self, settings: &mut Settings) -> Result<(), gst::ErrorMessage> {
        settings.selection = None;
        let selection = Selection::open(&settings.model, settings.scale)
            .map_err(|error| gst::error_msg!(gst::ResourceError::OpenRead, ("{error}")))?;
        gst::debug!(CAT, imp = self, "Opened {selection:?}");
        settings.selection = Some(selection);
        Ok(())
    }

    /// Takes a new model or scale into use: at once in what it answers, at the next frame in what it makes.
    fn select(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings();
        let was_open = settings.selection.is_some();
        change(&mut settings);
        if was_open
            && settings.selection.is_none()
            && let Err(error) = self.open_model(&mut settings)
        {
            drop(settings);
            self.post_error_message(error);
            return;
        }
        drop(settings);
        self.obj().reconfigure_src();
        self.obj().reconfigure_sink();
    }

    /// Has the scaler follow the settings.
    fn prepare(&self, state: &mut State) -> Result<(), gst::ErrorMessage> {
        let is_new = state.scaler.follow(&self.settings());
        if is_new.map_err(|error| gst::error_msg!(gst::LibraryError::Settings, ("{error}")))? {
            gst::debug!(CAT, imp = self, "Plan: {}", state.scaler);
            self.stats.lock().unwrap().describe(state.scaler.describe());
        }
        Ok(())
    }

    /// Has the base class pass frames untouched, or not. Where caps stay equal it does not negotiate, so this is seen to
    /// before each frame.
    fn follow_passthrough(&self) {
        let Some(scale) = self.scale() else {
            return;
        };
        let settings = self.settings();
        let selection = settings.selection.as_ref().filter(|open| open.makes(scale));
        let passes = selection.map(|selection| selection.passes(scale));
        drop(settings);
        let obj = self.obj();
        if let Some(passes) = passes.filter(|passes| *passes != obj.is_passthrough()) {
            obj.set_passthrough(passes);
        }
    }

    /// Chooses how good this frame is to be, by how late the stream is; the news if that has changed.
    fn choose_quality(&self, state: &mut State, frame: &gst::BufferRef) -> Option<gst::Structure> {
        let before = state.pace.quality();
        let segment = self.obj().segment();
        let segment = segment.downcast_ref::<gst::ClockTime>();
        let running_time = segment.and_then(|segment| segment.to_running_time(frame.pts()));
        match self.settings().late {
            Late::Degrade => {
                let times = running_time.zip(*self.earliest.lock().unwrap());
                let is_late = times.is_some_and(|(frame, earliest)| frame < earliest);
                state.pace.step(is_late, state.scaler.has_cheap());
            }
            Late::Drop | Late::Off => state.pace = Pace::default(),
        }
        let quality = state.pace.quality();
        (quality != before).then(|| quality.news(running_time))
    }

    /// Makes a frame, unless its caps are of a scale that has just changed. What is to be told of it is for the caller, who
    /// holds no lock.
    fn make(
        &self,
        source: &VideoFrameRef<&gst::BufferRef>,
        destination: &mut VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<Option<(Option<gst::Structure>, Reuse)>, gst::ErrorMessage> {
        let mut state = self.state.lock().unwrap();
        self.prepare(&mut state)?;
        if state.scaler.is_outdated() {
            return Ok(None);
        }
        let news = self.choose_quality(&mut state, source.buffer());
        let split = self.settings().split;
        let quality = state.pace.quality();
        let made = state.scaler.run(quality, split, source, destination);
        let reuse = made.map_err(|error| {
            gst::error_msg!(gst::StreamError::Failed, ("Cannot upscale: {error}"))
        })?;
        Ok(Some((news, reuse)))
    }

    fn tell(&self, news: gst::Structure) {
        gst::info!(CAT, imp = self, "{news}");
        let message = gst::message::Element::builder(news).src(&*self.obj());
        // An element outside of a pipeline has nobody to tell.
        let _ = self.obj().post_message(message.build());
    }

    fn scale(&self) -> Option<u32> {
        let scale = self.scale.load(Ordering::Relaxed);
        (scale > 0).then_some(scale)
    }

    /// Why the caps on the sink pad cannot be had, for whoever reads the pipeline's error.
    fn explain_refusal(&self, caps: &gst::CapsRef) -> gst::ErrorMessage {
        let settings = self.settings().clone();
        let checked = settings.selection.as_ref().map(Selection::check);
        let reason = match checked {
            Some(Err(conflict)) => conflict.to_string(),
            _ => {
                let mixing = settings.connects();
                let colours = mixing.and_then(|model| caps::colour_refusal(caps, &model));
                colours.unwrap_or_else(|| {
                    let pad = self.obj().src_pad().peer();
                    let downstream = pad.map_or(gst::Caps::new_any(), |pad| pad.query_caps(None));
                    caps::refusal(caps, &settings.scales(), &downstream)
                })
            }
        };
        gst::error_msg!(gst::StreamError::Format, ("Cannot upscale: {reason}"))
    }
}

#[glib::object_subclass]
impl ObjectSubclass for Rclut {
    const NAME: &'static str = "GstRclut";
    type Type = super::Rclut;
    type ParentType = gst_video::VideoFilter;
}

impl ObjectImpl for Rclut {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(settings::properties);
        &PROPERTIES
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        match pspec.name() {
            "model" => {
                let model: Option<String> = value.get().expect("type checked upstream");
                self.select(|settings| {
                    settings.model = model.unwrap_or_else(|| settings::DEFAULT_MODEL.to_owned());
                    settings.selection = None;
                });
            }
            "scale" => {
                let scale = value.get().expect("type checked upstream");
                self.select(|settings| {
                    settings.scale = scale;
                    settings.selection =
                        settings.selection.take().map(|open| open.with_scale(scale));
                });
            }
            "n-threads" => self.settings().n_threads = value.get().expect("type checked upstream"),
            "tile-size" => self.settings().tile_size = value.get().expect("type checked upstream"),
            "chroma" => self.settings().chroma = value.get().expect("type checked upstream"),
            "split" => self.settings().split = value.get().expect("type checked upstream"),
            "late" => {
                let late = value.get().expect("type checked upstream");
                self.settings().late = late;
                self.obj().set_qos(late == Late::Drop);
            }
            name => unreachable!("no property {name}"),
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        if pspec.name() == "stats" {
            return self.stats.lock().unwrap().structure().to_value();
        }
        self.settings().property(pspec.name())
    }

    fn constructed(&self) {
        self.parent_constructed();
        // Upstream's own size is one choice of several, and the last.
        self.obj().set_prefer_passthrough(false);
    }
}

impl GstObjectImpl for Rclut {}

impl ElementImpl for Rclut {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Look-up table upscaler",
                "Filter/Converter/Video/Scaler",
                "Upscales video x2, x3 or x4 in real time with learned look-up tables, bit for bit the same on every machine",
                "The rclut authors",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(caps::pad_templates);
        &TEMPLATES
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        if transition == gst::StateChange::NullToReady {
            let opened = self.open_model(&mut self.settings());
            opened.map_err(|error| {
                self.post_error_message(error);
                gst::StateChangeError
            })?;
        }
        let result = self.parent_change_state(transition);
        if transition == gst::StateChange::ReadyToNull {
            self.settings().selection = None;
        }
        result
    }
}

impl BaseTransformImpl for Rclut {
    const MODE: gst_base::subclass::BaseTransformMode =
        gst_base::subclass::BaseTransformMode::NeverInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        let settings = self.settings();
        let checked = settings.selection.as_ref().map_or(Ok(()), Selection::check);
        checked.map_err(|error| gst::error_msg!(gst::LibraryError::Settings, ("{error}")))
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        *self.state.lock().unwrap() = State::default();
        *self.stats.lock().unwrap() = Stats::default();
        *self.earliest.lock().unwrap() = None;
        self.scale.store(0, Ordering::Relaxed);
        Ok(())
    }

    fn transform_caps(
        &self,
        direction: gst::PadDirection,
        caps: &gst::Caps,
        filter: Option<&gst::Caps>,
    ) -> Option<gst::Caps> {
        let settings = self.settings();
        let other = match settings.is_passthrough() {
            true => caps.clone(),
            false => {
                let other = caps::transformed(caps, direction, &settings.scales());
                match settings.connects() {
                    Some(_) => {
                        other.intersect_with_mode(&caps::colours(), gst::CapsIntersectMode::First)
                    }
                    None => other,
                }
            }
        };
        gst::trace!(
            CAT,
            imp = self,
            "{direction:?} {caps:?} -> {other:?}, filter {filter:?}"
        );
        Some(match filter {
            Some(filter) => filter.intersect_with_mode(&other, gst::CapsIntersectMode::First),
            None => other,
        })
    }

    fn fixate_caps(
        &self,
        direction: gst::PadDirection,
        caps: &gst::Caps,
        othercaps: gst::Caps,
    ) -> gst::Caps {
        let scales = self.settings().scales();
        caps::fixate(direction, caps, othercaps, &scales)
    }

    fn accept_caps(&self, direction: gst::PadDirection, caps: &gst::Caps) -> bool {
        // As in `query`: what does not fit is refused with a reason.
        match direction {
            gst::PadDirection::Sink => caps.is_subset(&caps::template()),
            _ => BaseTransformImplExt::parent_accept_caps(self, direction, caps),
        }
    }

    fn query(&self, direction: gst::PadDirection, query: &mut gst::QueryRef) -> bool {
        let answered = BaseTransformImplExt::parent_query(self, direction, query);
        // Before the model is open nothing is settled; and on empty caps the neighbours would give up without a word. They
        // may try what the template takes: `sink_event` then says why it does not fit.
        if let gst::QueryViewMut::Caps(query) = query.view_mut()
            && (self.settings().selection.is_none()
                || query.result().is_some_and(gst::CapsRef::is_empty))
        {
            let template = caps::template();
            query.set_result(&match query.filter_owned() {
                Some(filter) => {
                    filter.intersect_with_mode(&template, gst::CapsIntersectMode::First)
                }
                None => template,
            });
        }
        answered
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        let caps = match event.view() {
            gst::EventView::Caps(event) => Some(event.caps_owned()),
            gst::EventView::FlushStop(_) => {
                *self.earliest.lock().unwrap() = None;
                None
            }
            _ => None,
        };
        let handled = self.parent_sink_event(event);
        if let Some(caps) = caps.filter(|_| !handled) {
            self.post_error_message(self.explain_refusal(&caps));
        }
        handled
    }

    fn src_event(&self, mut event: gst::Event) -> bool {
        if let gst::EventView::Qos(qos) = event.view() {
            *self.earliest.lock().unwrap() = pace::earliest_in_time(qos);
        }
        if event.type_() == gst::EventType::Navigation
            && let Some(scale) = self.scale()
        {
            meta::unscale_pointer(&mut event, scale);
        }
        self.parent_src_event(event)
    }

    fn decide_allocation(
        &self,
        query: &mut gst::query::Allocation,
    ) -> Result<(), gst::LoggableError> {
        // The parent takes out all metas that it does not know.
        self.state.lock().unwrap().overlay = meta::overlay_proposal(query);
        self.parent_decide_allocation(query)
    }

    fn propose_allocation(
        &self,
        decide_query: Option<&gst::query::Allocation>,
        query: &mut gst::query::Allocation,
    ) -> Result<(), gst::LoggableError> {
        self.parent_propose_allocation(decide_query, query)?;
        let overlay = self.state.lock().unwrap().overlay.clone();
        if let (Some(_), Some(scale), Some(overlay)) = (decide_query, self.scale(), overlay) {
            let params = overlay.map(|params| meta::unscaled(&params, scale));
            query.add_allocation_meta::<VideoOverlayCompositionMeta>(params.as_deref());
        }
        Ok(())
    }

    fn before_transform(&self, buffer: &gst::BufferRef) {
        self.follow_passthrough();
        if !self.obj().has_active_control_bindings() {
            return;
        }
        let segment = self.obj().segment();
        let time = segment.downcast_ref::<gst::ClockTime>();
        let stream_time = time.and_then(|segment| segment.to_stream_time(buffer.pts()));
        if let Some(Err(error)) = stream_time.map(|time| self.obj().sync_values(time)) {
            gst::warning!(CAT, imp = self, "Controlled properties: {error}");
        }
    }

    fn submit_input_buffer(
        &self,
        is_discont: bool,
        buffer: gst::Buffer,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let submitted = self.parent_submit_input_buffer(is_discont, buffer);
        // Renegotiation in mid-stream sends no caps through `sink_event`.
        if submitted == Err(gst::FlowError::NotNegotiated)
            && let Some(caps) = self.obj().sink_pad().current_caps()
        {
            self.post_error_message(self.explain_refusal(&caps));
        }
        submitted
    }

    fn transform(
        &self,
        input: &gst::Buffer,
        output: &mut gst::BufferRef,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        // The parent would only warn, and push a frame that nobody has written.
        let state = self.state.lock().unwrap();
        let caps = state.scaler.negotiated();
        let checked = caps.map_or(Ok(()), |caps| mapped::check(input, &caps.source));
        drop(state);
        if let Err(error) = checked.map_err(FrameError::Input) {
            gst::element_imp_error!(self, gst::StreamError::Failed, ("Cannot upscale: {error}"));
            return Err(gst::FlowError::Error);
        }
        self.parent_transform(input, output)
    }

    fn transform_meta<'a>(
        &self,
        output: &mut gst::BufferRef,
        meta: gst::MetaRef<'a, gst::Meta>,
        _input: &'a gst::BufferRef,
    ) -> bool {
        if let Some(scale) = self.scale()
            && let Err(error) = meta::transform(output, &meta, scale)
        {
            gst::debug!(CAT, imp = self, "{} stays behind: {error}", meta.api());
        }
        // Nothing is left for the parent to copy.
        false
    }
}

impl VideoFilterImpl for Rclut {
    fn set_info(
        &self,
        incaps: &gst::Caps,
        in_info: &VideoInfo,
        outcaps: &gst::Caps,
        out_info: &VideoInfo,
    ) -> Result<(), gst::LoggableError> {
        gst::debug!(CAT, imp = self, "Negotiated {incaps:?} -> {outcaps:?}");
        let scale = out_info.width() / in_info.width();
        if out_info.field_height() != in_info.field_height() * scale {
            return Err(gst::loggable_error!(CAT, "Fields of an odd height"));
        }
        self.scale.store(scale, Ordering::Relaxed);
        let mut state = self.state.lock().unwrap();
        state.scaler.negotiate(Negotiated {
            source: in_info.clone(),
            destination: out_info.clone(),
            chroma_site: caps::chroma_site(outcaps),
            scale,
        });
        self.prepare(&mut state)
            .map_err(|error| gst::loggable_error!(CAT, "{error}"))?;
        drop(state);
        self.follow_passthrough();
        Ok(())
    }

    fn transform_frame(
        &self,
        inframe: &VideoFrameRef<&gst::BufferRef>,
        outframe: &mut VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let started = Instant::now();
        let made = self.make(inframe, outframe).map_err(|error| {
            self.post_error_message(error);
            gst::FlowError::Error
        })?;
        let Some((news, reuse)) = made else {
            gst::debug!(CAT, imp = self, "Dropped a frame between two scales");
            return Ok(gst_base::BASE_TRANSFORM_FLOW_DROPPED);
        };
        if let Some(news) = news {
            self.tell(news);
        }
        let time = started.elapsed();
        self.stats.lock().unwrap().add(time, reuse);
        let frame = inframe.buffer().pts();
        gst::debug!(CAT, imp = self, "Frame at {} in {time:?}", frame.display());
        Ok(gst::FlowSuccess::Ok)
    }
}

#[cfg(test)]
mod tests;
