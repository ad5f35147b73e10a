//! Random streams: formats, sizes, strides, models, scales, threads and properties that change between frames, with events
//! in mid-stream; every component of every frame equals the reference. `RCLUT_RANDOM_STREAMS` sets how many,
//! `RCLUT_RANDOM_SEED` the first seed.
#![cfg(feature = "plugin")]

mod support;

use std::sync::Arc;

use gst::prelude::*;
use gst_video::VideoInfo;
use gstrclut::engine::Model;

use support::oracle::{Filter, Wanted, component};
use support::{frames, tables};

/// Streams in an ordinary run.
const STREAMS: u64 = 25;
const FRAMES_PER_STREAM: usize = 6;

fn variable(name: &str, default: u64) -> u64 {
    let value = std::env::var(name);
    value.map_or(default, |value| value.parse().unwrap())
}

/// The numbers of one stream.
struct Dice {
    seed: u64,
    rolled: usize,
}

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.rolled += 1;
        tables::random(self.seed, self.rolled, 0, below as i64 - 1) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }
}

/// What streams are made of.
struct Parts {
    formats: Vec<String>,
    files: frames::Models,
    /// The models in the files, by scale less one.
    models: Vec<Arc<Model>>,
}

impl Parts {
    fn new() -> Self {
        let files = frames::models();
        let open = |scale| Arc::new(Model::open(files.path(scale)).unwrap());
        Self {
            formats: frames::formats(),
            models: (1..=4).map(open).collect(),
            files,
        }
    }
}

const SITES: [(&str, (bool, bool)); 3] = [
    ("jpeg", (false, false)),
    ("mpeg2", (true, false)),
    ("cosited", (true, true)),
];

/// Caps of a stream, and what they say of chroma.
struct Input {
    caps: gst::Caps,
    cosited: (bool, bool),
}

impl Input {
    fn random(dice: &mut Dice, formats: &[String]) -> Self {
        let format = &formats[dice.roll(formats.len())];
        let (width, height) = (1 + dice.roll(40), 1 + dice.roll(30));
        let (site, cosited) = dice.pick(&SITES);
        let caps = format!(
            "video/x-raw,format={format},width={width},height={height},framerate=25/1,chroma-site={site}"
        );
        Self {
            caps: caps.parse().unwrap(),
            cosited,
        }
    }

    fn info(&self) -> VideoInfo {
        VideoInfo::from_caps(&self.caps).unwrap()
    }

    /// A frame of noise, whole and as the element gets it: with any offset and bytes after each row, its planes in one
    /// memory or two, its last row with nothing after it.
    fn noise(&self, dice: &mut Dice) -> [gst::Buffer; 2] {
        let info = self.info();
        let padding = dice.roll(17);
        let (mut offsets, mut strides, mut size) = (Vec::new(), Vec::new(), dice.roll(6));
        for stride in &info.stride()[..info.n_planes() as usize] {
            offsets.push(size);
            strides.push(stride + padding as i32);
            size += (*stride as usize + padding) * info.height() as usize;
        }
        let seed = dice.roll(1 << 30) as u64;
        let random = |at| tables::splitmix(seed, at as u64) as u8;
        let bytes: Vec<u8> = (0..size).map(random).collect();
        let whole = gst::Buffer::from_slice(bytes.clone());
        let mut cut = gst::Buffer::new();
        let (first, second) = bytes[..size - padding].split_at(dice.pick(&offsets));
        for piece in [first, second]
            .into_iter()
            .filter(|piece| !piece.is_empty())
        {
            let memory = gst::Memory::from_slice(piece.to_vec());
            cut.get_mut().unwrap().append_memory(memory);
        }
        [whole, cut].map(|mut buffer| {
            let flags = gst_video::VideoFrameFlags::empty();
            let (width, height) = (info.width(), info.height());
            gst_video::VideoMeta::add_full(
                buffer.get_mut().unwrap(),
                flags,
                info.format(),
                width,
                height,
                &offsets,
                &strides,
            )
            .unwrap();
            buffer
        })
    }
}

/// Values of the properties that show in the output.
#[derive(Debug)]
struct Look {
    model: String,
    scale: &'static str,
    chroma: &'static str,
    split: f64,
}

impl Look {
    fn random(dice: &mut Dice, parts: &Parts) -> Self {
        let (model, scale) = match dice.roll(8) {
            0 => ("rclut".to_owned(), dice.pick(&["auto", "2", "3", "4"])),
            1 => ("srlut".to_owned(), "2"),
            2 => ("rclut".to_owned(), "1"),
            _ => {
                let scale = 1 + dice.roll(4);
                let said = ["1", "2", "3", "4"][scale - 1];
                (parts.files.path(scale as u32), dice.pick(&["auto", said]))
            }
        };
        Self {
            model,
            scale,
            chroma: dice.pick(&["bicubic", "bilinear", "lut"]),
            split: dice.roll(5) as f64 / 4.0,
        }
    }

    /// Sets the element's properties, those that must not show among them.
    fn apply(&self, element: &gst::Element, dice: &mut Dice) {
        let both = [("model", self.model.as_str()), ("scale", self.scale)];
        let first = dice.roll(2);
        for (name, value) in [both[first], both[1 - first], ("chroma", self.chroma)] {
            element.set_property_from_str(name, value);
        }
        element.set_property("split", self.split);
        element.set_property("n-threads", dice.roll(4) as u32);
        element.set_property("tile-size", dice.roll(12) as u32);
        element.set_property_from_str("late", dice.pick(&["drop", "degrade", "off"]));
    }

    /// The model in use; none where frames pass untouched.
    fn model(&self, scale: usize, parts: &Parts) -> Option<Arc<Model>> {
        match self.model.as_str() {
            family @ ("rclut" | "srlut") if scale > 1 => {
                Some(Model::builtin(family, scale as u32).unwrap())
            }
            "rclut" | "srlut" => None,
            _ => Some(parts.models[scale - 1].clone()),
        }
    }
}

/// Something that happens between two frames and changes none.
fn disturb(harness: &mut gst_check::Harness, dice: &mut Dice) {
    let segment = || {
        let segment = gst::FormattedSegment::<gst::ClockTime>::new();
        gst::event::Segment::new(&segment)
    };
    match dice.roll(9) {
        0 => {
            harness.push_event(gst::event::FlushStart::new());
            harness.push_event(gst::event::FlushStop::new(true));
            harness.push_event(segment());
        }
        1 => drop(harness.push_event(segment())),
        2 => drop(harness.push_event(gst::event::Gap::new(gst::ClockTime::ZERO, None))),
        3 => {
            let mut tags = gst::TagList::new();
            let title = &"a title";
            let tags_ref = tags.get_mut().unwrap();
            tags_ref.add::<gst::tags::Title>(title, gst::TagMergeMode::Append);
            harness.push_event(gst::event::Tag::new(tags));
        }
        4 => drop(harness.push_upstream_event(gst::event::Reconfigure::new())),
        5 => {
            let event = gst::event::Qos::builder(gst::QOSType::Overflow, 0.9, -1_000_000);
            harness.push_upstream_event(event.timestamp(gst::ClockTime::SECOND).build());
        }
        _ => {}
    }
}

fn stream(seed: u64, parts: &Parts) {
    let mut dice = Dice { seed, rolled: 0 };
    let mut harness =
        gst_check::Harness::new_parse(&format!("rclut model={}", parts.files.path(2)));
    let element = harness.find_element("rclut").unwrap();
    let mut input = Input::random(&mut dice, &parts.formats);
    harness.set_src_caps(input.caps.clone());
    for number in 0..FRAMES_PER_STREAM {
        if dice.roll(3) == 0 {
            input = Input::random(&mut dice, &parts.formats);
            harness.set_src_caps(input.caps.clone());
        }
        let look = Look::random(&mut dice, parts);
        look.apply(&element, &mut dice);
        disturb(&mut harness, &mut dice);
        let [whole, cut] = input.noise(&mut dice);
        let case = || format!("seed {seed}, frame {number}: {look:?} of {}", input.caps);
        let pushed = harness.push(cut);
        assert!(pushed.is_ok(), "{}: {pushed:?}", case());
        let output = harness.pull().unwrap();

        let from = input.info();
        let caps = harness.sinkpad().unwrap().current_caps().unwrap();
        let to = VideoInfo::from_caps(&caps).unwrap();
        let scale = (to.width() / from.width()) as usize;
        let model = look.model(scale, parts);
        let wanted = Wanted {
            model: model.as_deref(),
            scale,
            chroma: match look.chroma {
                "bicubic" => Some(Filter::Bicubic),
                "bilinear" => Some(Filter::Bilinear),
                _ => None,
            },
            cosited: input.cosited,
            split: look.split,
        };
        if let Ok(asked) = look.scale.parse::<usize>() {
            assert_eq!(scale, asked, "{}", case());
        }
        for number in 0..from.n_components() as usize {
            let before = component(&whole, &from, number);
            let expected = match &model {
                Some(_) => wanted.component(&before, &from, &to, number),
                None => before,
            };
            let found = component(&output, &to, number);
            assert!(found == expected, "{}, component {number}", case());
        }
    }
}

#[test]
fn every_frame_of_a_random_stream_equals_the_reference() {
    let parts = Parts::new();
    let first = variable("RCLUT_RANDOM_SEED", 1);
    let seeds = first..first + variable("RCLUT_RANDOM_STREAMS", STREAMS);
    println!("seeds {seeds:?}");
    seeds.for_each(|seed| stream(seed, &parts));
}
