//! Scaled and unscaled caps: what one pad may carry for what the other carries, and why not.

use std::cmp::Ordering;
use std::fmt::Write;

use gst::glib;
use gst::prelude::*;
use gst::{Caps, CapsFeatures, CapsFeaturesRef, CapsRef, IntRange, Structure, StructureRef};
use gst_video::{VideoChromaSite, VideoFormatInfo, VideoInfo};

use super::format::FORMATS;

/// The largest width and height of a frame.
pub const MAX_SIZE: i32 = 32_767;

/// Features that a scaled frame keeps: all else is memory that we cannot read, or a layout that we do not know.
const SCALABLE_FEATURES: [&str; 3] = [
    "memory:SystemMemory",
    "meta:GstVideoOverlayComposition",
    "format:Interlaced",
];

/// Interlace modes whose buffers hold one picture each.
const PICTURE_MODES: [&str; 2] = ["progressive", "alternate"];

/// What both pads can carry: the formats in memory, and for passthrough wherever they are.
pub fn template() -> Caps {
    let memory = gst_video::VideoCapsBuilder::new()
        .format_list(FORMATS)
        .width_range(1..=MAX_SIZE)
        .height_range(1..=MAX_SIZE)
        .build();
    let mut anywhere = memory.copy();
    let features = CapsFeatures::new_any();
    anywhere.make_mut().set_features_simple(Some(features));
    let mut template = memory;
    template.make_mut().append(anywhere);
    template
}

/// The formats with red, green and blue in each pixel, wherever they are: what a model that mixes colours takes.
pub fn colours() -> Caps {
    let formats = FORMATS.into_iter();
    let formats = formats.filter(|format| VideoFormatInfo::from_format(*format).is_rgb());
    let mut colours = gst_video::VideoCapsBuilder::new()
        .format_list(formats)
        .build();
    let features = CapsFeatures::new_any();
    colours.make_mut().set_features_simple(Some(features));
    colours
}

/// The same template for both pads.
pub fn pad_templates() -> Vec<gst::PadTemplate> {
    let template = |name, direction| {
        gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &template())
            .expect("a template of valid caps")
    };
    vec![
        template("sink", gst::PadDirection::Sink),
        template("src", gst::PadDirection::Src),
    ]
}

/// How a size on one pad becomes a size on the other.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// Sink to source.
    Multiply(i32),
    /// Source to sink: exact multiples only.
    Divide(i32),
}

impl Rule {
    fn new(direction: gst::PadDirection, scale: u32) -> Self {
        let scale = i32::try_from(scale).expect("a scale of at most 4");
        match direction {
            gst::PadDirection::Sink => Self::Multiply(scale),
            _ => Self::Divide(scale),
        }
    }

    /// A size, or every size of a range or list, on the other pad; none if no size is possible there.
    fn apply(self, value: &glib::Value) -> Option<glib::SendValue> {
        if let Ok(size) = value.get::<i32>() {
            self.range(size, size, 1)
        } else if let Ok(range) = value.get::<IntRange<i32>>() {
            self.range(range.min(), range.max(), range.step())
        } else if let Ok(list) = value.get::<gst::List>() {
            let values = list.iter().filter_map(|value| self.apply(value));
            let values: Vec<_> = values.collect();
            (!values.is_empty()).then(|| gst::List::from_values(values).to_send_value())
        } else {
            None
        }
    }

    /// `min..=max` in steps; GStreamer counts steps from 0, so only multiples of the step are in the range.
    fn range(self, min: i32, max: i32, step: i32) -> Option<glib::SendValue> {
        let (min, max) = (min.max(1), max.min(MAX_SIZE));
        let (min, max, step) = match self {
            Self::Multiply(scale) => {
                let max = max.min(MAX_SIZE / scale) / step * step;
                (up_to(min, step) * scale, max * scale, step * scale)
            }
            Self::Divide(scale) => {
                let both = common_multiple(step, scale);
                let (min, max) = (up_to(min, both), max / both * both);
                (min / scale, max / scale, both / scale)
            }
        };
        match min.cmp(&max) {
            Ordering::Less => Some(IntRange::with_step(min, max, step).to_send_value()),
            Ordering::Equal => Some(min.to_send_value()),
            Ordering::Greater => None,
        }
    }

    /// The same structure with its sizes on the other pad; none if they are impossible there.
    fn structure(self, structure: &StructureRef) -> Option<Structure> {
        let mut other = structure.to_owned();
        for size in ["width", "height"] {
            if let Ok(value) = structure.value(size) {
                other.set_value(size, self.apply(value)?);
            }
        }
        Some(other)
    }
}

/// The first multiple of `step` that is not below `value`.
fn up_to(value: i32, step: i32) -> i32 {
    value.saturating_add(step - 1) / step * step
}

fn common_multiple(a: i32, b: i32) -> i32 {
    let divisor = (1..=b)
        .rev()
        .find(|divisor| a % divisor == 0 && b % divisor == 0);
    a / divisor.unwrap_or(1) * b
}

/// What the other pad may carry, when the pad of `direction` carries `caps` and any of `scales` may be used.
pub fn transformed(caps: &CapsRef, direction: gst::PadDirection, scales: &[u32]) -> Caps {
    let mut other = Caps::new_empty();
    for (structure, features) in caps.iter_with_features() {
        let Some(structure) = pictures(structure) else {
            continue;
        };
        for features in readable(features) {
            for scale in scales {
                if let Some(structure) = Rule::new(direction, *scale).structure(&structure) {
                    other.merge_structure_full(structure, Some(features.clone()));
                }
            }
        }
    }
    other
}

/// The features among these whose frames we can read.
fn readable(features: &CapsFeaturesRef) -> Vec<CapsFeatures> {
    if features.is_any() {
        let known = |feature: &&str| CapsFeatures::new([*feature]);
        return SCALABLE_FEATURES.iter().map(known).collect();
    }
    let known = |feature: &glib::GStr| SCALABLE_FEATURES.contains(&feature.as_str());
    let all = features.iter().all(known);
    all.then(|| features.to_owned()).into_iter().collect()
}

/// The part of a structure whose buffers hold one picture each.
fn pictures(structure: &StructureRef) -> Option<Structure> {
    if !structure.has_field("interlace-mode") {
        return Some(structure.to_owned());
    }
    let modes = Structure::builder(structure.name())
        .field("interlace-mode", gst::List::new(PICTURE_MODES))
        .build();
    structure.intersect(&modes)
}

/// Picks one of `candidates`, which fit `caps` on the pad of `direction`: the preferred scale first. What `caps` leave
/// unsaid about colour, GStreamer fills in by the height; the result says it where the new height would change it.
pub fn fixate(
    direction: gst::PadDirection,
    caps: &CapsRef,
    candidates: Caps,
    scales: &[u32],
) -> Caps {
    let preferred = scales.iter().find_map(|scale| {
        let fitting = transformed(caps, direction, &[*scale]);
        let fitting = candidates.intersect_with_mode(&fitting, gst::CapsIntersectMode::First);
        (!fitting.is_empty()).then_some(fitting)
    });
    let mut fixed = preferred.unwrap_or(candidates);
    fixed.fixate();
    if direction == gst::PadDirection::Sink {
        say_colour(caps, &mut fixed);
    }
    fixed
}

fn say_colour(source: &CapsRef, destination: &mut Caps) {
    let colorimetry = |caps: &CapsRef| Some(VideoInfo::from_caps(caps).ok()?.colorimetry());
    let implied = colorimetry(source).filter(|said| Some(*said) != colorimetry(destination));
    let said = |caps: &CapsRef, field| caps.structure(0).is_some_and(|s| s.has_field(field));
    if let Some(implied) = implied.filter(|_| !said(destination, "colorimetry")) {
        destination
            .make_mut()
            .set("colorimetry", implied.to_string());
    }
    let site = chroma_site(source);
    if !said(destination, "chroma-site") && site != chroma_site(destination) && !site.is_empty() {
        destination.make_mut().set("chroma-site", site.to_str());
    }
}

/// Where chroma lies: as the caps say, or as GStreamer fills in what they leave unsaid. (A [`VideoInfo`] forgets a
/// chroma site that is said without a colorimetry.)
pub fn chroma_site(caps: &CapsRef) -> VideoChromaSite {
    let said = caps
        .structure(0)
        .and_then(|s| s.get::<&str>("chroma-site").ok());
    let implied = || VideoInfo::from_caps(caps).map(|info| info.chroma_site());
    match said.and_then(|site| site.parse().ok()) {
        Some(site) => site,
        None => implied().unwrap_or(VideoChromaSite::empty()),
    }
}

/// Says why frames of fixed caps do not go through a model that mixes colours; nothing if they would.
pub fn colour_refusal(caps: &CapsRef, model: &str) -> Option<String> {
    let format = caps.structure(0)?.get::<&str>("format").ok()?;
    let fits = caps.can_intersect(&colours());
    (!fits).then(|| {
        format!(
            "model {model} mixes red, green and blue, which frames of format {format} do not hold: put `videoconvert ! \
             video/x-raw,format=RGB` before"
        )
    })
}

/// Says why frames of fixed caps cannot be scaled by any of `scales` to what `downstream` takes, and what would help.
pub fn refusal(caps: &CapsRef, scales: &[u32], downstream: &Caps) -> String {
    let (Some(structure), Some(features)) = (caps.structure(0), caps.features(0)) else {
        return "there are no caps".to_owned();
    };
    if let Some(foreign) = features
        .iter()
        .find(|feature| !SCALABLE_FEATURES.contains(&feature.as_str()))
    {
        return format!(
            "frames in {foreign} cannot be read: put the element that downloads them to system memory before"
        );
    }
    let mode = structure
        .get::<&str>("interlace-mode")
        .unwrap_or("progressive");
    if !PICTURE_MODES.contains(&mode) {
        return format!(
            "interlaced frames (interlace-mode={mode}) cannot be scaled: put `deinterlace` before"
        );
    }
    let (Ok(width), Ok(height)) = (
        structure.get::<i32>("width"),
        structure.get::<i32>("height"),
    ) else {
        return format!("frames of no fixed size: {structure}");
    };
    if mode == "alternate" && height % 2 != 0 {
        return format!(
            "fields of an odd height ({height}) cannot be scaled: put `videocrop` before"
        );
    }
    let takes = |scale: &u32| {
        let scaled = transformed(caps, gst::PadDirection::Sink, &[*scale]);
        scaled.can_intersect(downstream)
    };
    let sizes = |scales: &[u32]| {
        let mut text = String::new();
        for scale in scales.iter().map(|scale| i64::from(*scale)) {
            let comma = if text.is_empty() { "" } else { ", " };
            let (width, height) = (i64::from(width) * scale, i64::from(height) * scale);
            write!(text, "{comma}{width}x{height} (scale={scale})").expect("a string grows");
        }
        text
    };
    let largest = i64::from(width.max(height));
    if scales
        .iter()
        .all(|scale| largest * i64::from(*scale) > i64::from(MAX_SIZE))
    {
        return format!("{} is larger than the limit of {MAX_SIZE}", sizes(scales));
    }
    let others: Vec<u32> = (1..=4).filter(takes).collect();
    let help = match others.as_slice() {
        [] => "no scale from 1 to 4 would do".to_owned(),
        others => format!("{} would do", sizes(others)),
    };
    format!(
        "downstream does not take {} of {width}x{height}: {help}",
        sizes(scales)
    )
}
