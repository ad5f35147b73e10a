//! The element: properties, negotiation, and one frame in, one larger frame out.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::prelude::*;
use gst_video::subclass::prelude::*;
use gst_video::{VideoChromaSite, VideoFrameRef, VideoInfo};

use crate::engine::{Model, Options, Upscaler};

use super::caps;
use super::frame::Plan;
use super::selection::{Scale, Selection};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "rclut",
        gst::DebugColorFlags::empty(),
        Some("Look-up table upscaler"),
    )
});

const DEFAULT_MODEL: &str = "rclut";
const DEFAULT_SCALE: Scale = Scale::Auto;
const DEFAULT_N_THREADS: u32 = 0;
const DEFAULT_TILE_SIZE: u32 = 0;

#[derive(Clone, Debug)]
struct Settings {
    model: String,
    scale: Scale,
    n_threads: u32,
    tile_size: u32,
    /// The opened model, from READY on.
    selection: Option<Selection>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model: DEFAULT_MODEL.to_owned(),
            scale: DEFAULT_SCALE,
            n_threads: DEFAULT_N_THREADS,
            tile_size: DEFAULT_TILE_SIZE,
            selection: None,
        }
    }
}

impl Settings {
    fn scales(&self) -> Vec<u32> {
        match &self.selection {
            Some(selection) => selection.scales(),
            None => self.scale.candidates(),
        }
    }

    fn is_passthrough(&self) -> bool {
        self.selection
            .as_ref()
            .is_some_and(Selection::is_passthrough)
    }
}

/// What the negotiated caps need; parts are made anew only when what they depend on has changed.
#[derive(Default)]
struct State {
    negotiated: Option<Negotiated>,
    engine: Option<Engine>,
    plan: Option<Plan>,
}

struct Negotiated {
    source: VideoInfo,
    destination: VideoInfo,
    chroma_site: VideoChromaSite,
    scale: u32,
}

/// An upscaler and the settings it was made for.
struct Engine {
    model: Arc<Model>,
    n_threads: u32,
    tile_size: u32,
    upscaler: Upscaler,
}

#[derive(Default)]
pub struct Rclut {
    settings: Mutex<Settings>,
    state: Mutex<State>,
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

    /// Makes what is missing or no longer fits the settings. A model that does not make the negotiated scale waits for
    /// the renegotiation that its property has asked for.
    fn prepare(&self, state: &mut State) -> Result<(), gst::ErrorMessage> {
        let failed = |error: &dyn std::fmt::Display| {
            gst::error_msg!(gst::LibraryError::Settings, ("{error}"))
        };
        let settings = self.settings().clone();
        let (Some(negotiated), Some(selection)) = (&state.negotiated, &settings.selection) else {
            return Ok(());
        };
        if !selection.scales().contains(&negotiated.scale) {
            return Ok(());
        }
        let Some(model) = selection
            .model(negotiated.scale)
            .map_err(|error| failed(&error))?
        else {
            state.plan = None;
            return Ok(());
        };
        let fits = |engine: &Engine| {
            Arc::ptr_eq(&engine.model, &model)
                && (engine.n_threads, engine.tile_size) == (settings.n_threads, settings.tile_size)
        };
        let engine = match state.engine.take_if(|engine| fits(engine)) {
            Some(engine) => engine,
            None => {
                state.plan = None;
                Engine::new(model, &settings).map_err(|error| failed(&error))?
            }
        };
        let engine = state.engine.insert(engine);
        if state.plan.is_none() {
            let plan = Plan::new(
                &negotiated.source,
                &negotiated.destination,
                negotiated.chroma_site,
                &engine.upscaler,
                engine.tile_size as usize,
            );
            gst::debug!(CAT, imp = self, "Model {:?}: {plan:?}", engine.model);
            state.plan = Some(plan);
        }
        Ok(())
    }

    /// Why the caps on the sink pad cannot be had, for whoever reads the pipeline's error.
    fn explain_refusal(&self, caps: &gst::CapsRef) -> gst::ErrorMessage {
        let settings = self.settings().clone();
        let checked = settings.selection.as_ref().map(Selection::check);
        let reason = match checked {
            Some(Err(conflict)) => conflict.to_string(),
            _ => {
                let pad = self.obj().src_pad().peer();
                let downstream = pad.map_or(gst::Caps::new_any(), |pad| pad.query_caps(None));
                caps::refusal(caps, &settings.scales(), &downstream)
            }
        };
        gst::error_msg!(gst::StreamError::Format, ("Cannot upscale: {reason}"))
    }
}

impl Engine {
    fn new(model: Arc<Model>, settings: &Settings) -> Result<Self, crate::engine::UpscaleError> {
        let Settings {
            n_threads,
            tile_size,
            ..
        } = *settings;
        let options = Options {
            threads: n_threads as usize,
            band_rows: tile_size as usize,
            ..Options::default()
        };
        Ok(Self {
            upscaler: Upscaler::new(&model, options)?,
            model,
            n_threads,
            tile_size,
        })
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
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            vec![
                glib::ParamSpecString::builder("model")
                    .nick("Model")
                    .blurb("A built-in family of models, such as \"rclut\", or the path of a .safetensors file")
                    .default_value(DEFAULT_MODEL)
                    .mutable_playing()
                    .build(),
                glib::ParamSpecEnum::builder_with_default("scale", DEFAULT_SCALE)
                    .nick("Scale")
                    .blurb("Output pixels a side for each input pixel")
                    .mutable_playing()
                    .build(),
                glib::ParamSpecUInt::builder("n-threads")
                    .nick("Threads")
                    .blurb("Threads to use (0 = one for each core); never changes the output")
                    .maximum(1024)
                    .default_value(DEFAULT_N_THREADS)
                    .mutable_playing()
                    .build(),
                glib::ParamSpecUInt::builder("tile-size")
                    .nick("Tile size")
                    .blurb("Input rows that a thread takes at a time (0 = chosen from the size of the caches); never changes the output")
                    .maximum(caps::MAX_SIZE as u32)
                    .default_value(DEFAULT_TILE_SIZE)
                    .mutable_playing()
                    .build(),
            ]
        });
        &PROPERTIES
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        match pspec.name() {
            "model" => {
                let model: Option<String> = value.get().expect("type checked upstream");
                self.select(|settings| {
                    settings.model = model.unwrap_or_else(|| DEFAULT_MODEL.to_owned());
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
            name => unreachable!("no property {name}"),
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        let settings = self.settings();
        match pspec.name() {
            "model" => settings.model.to_value(),
            "scale" => settings.scale.to_value(),
            "n-threads" => settings.n_threads.to_value(),
            "tile-size" => settings.tile_size.to_value(),
            name => unreachable!("no property {name}"),
        }
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
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let template = |name, direction| {
                let caps = caps::template();
                gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &caps)
                    .expect("a template of valid caps")
            };
            vec![
                template("sink", gst::PadDirection::Sink),
                template("src", gst::PadDirection::Src),
            ]
        });
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
            false => caps::transformed(caps, direction, &settings.scales()),
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
            _ => None,
        };
        let handled = self.parent_sink_event(event);
        if let Some(caps) = caps.filter(|_| !handled) {
            self.post_error_message(self.explain_refusal(&caps));
        }
        handled
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
        let mut state = self.state.lock().unwrap();
        state.plan = None;
        state.negotiated = Some(Negotiated {
            source: in_info.clone(),
            destination: out_info.clone(),
            chroma_site: caps::chroma_site(outcaps),
            scale,
        });
        self.prepare(&mut state)
            .map_err(|error| gst::loggable_error!(CAT, "{error}"))?;
        self.obj().set_passthrough(state.plan.is_none());
        Ok(())
    }

    fn transform_frame(
        &self,
        inframe: &VideoFrameRef<&gst::BufferRef>,
        outframe: &mut VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let mut state = self.state.lock().unwrap();
        self.prepare(&mut state).map_err(|error| {
            self.post_error_message(error);
            gst::FlowError::Error
        })?;
        let State {
            engine: Some(engine),
            plan: Some(plan),
            ..
        } = &mut *state
        else {
            return Err(gst::FlowError::NotNegotiated);
        };
        plan.run(&mut engine.upscaler, inframe, outframe)
            .map_err(|error| {
                gst::element_imp_error!(
                    self,
                    gst::StreamError::Failed,
                    ("Cannot upscale: {error}")
                );
                gst::FlowError::Error
            })?;
        Ok(gst::FlowSuccess::Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_element_error() {
        gst::init().unwrap();
        let element = glib::Object::new::<super::super::Rclut>();
        let mut harness = gst_check::Harness::with_element(&element, Some("sink"), Some("src"));
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        harness.set_src_caps_str("video/x-raw,format=GRAY8,width=4,height=4,framerate=25/1");
        let poisoned = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _state = element.imp().state.lock();
            panic!("to poison the lock");
        }));
        assert!(poisoned.is_err());
        let flow = harness.push(gst::Buffer::with_size(16).unwrap());
        assert_eq!(flow, Err(gst::FlowError::Error));
        let message = bus.pop_filtered(&[gst::MessageType::Error]).unwrap();
        let gst::MessageView::Error(error) = message.view() else {
            unreachable!("only errors are popped");
        };
        assert!(error.error().to_string().contains("Panicked"), "{error:?}");
    }
}
