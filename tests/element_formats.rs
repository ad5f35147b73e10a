//! Every format of the pad template against the reference: each component by itself, with rows and planes laid out as no
//! pool would lay them out.
#![cfg(feature = "plugin")]

mod support;

use gst_video::VideoInfo;
use gstrclut::engine::Model;

use support::oracle::{Filter, Wanted, component};
use support::{frames, tables};

/// Bytes after each row that belong to nobody.
const PADDING: usize = 13;

/// A frame with odd strides and noise in every byte.
fn noise_frame(info: &VideoInfo) -> gst::Buffer {
    let (mut offsets, mut strides, mut size) = (Vec::new(), Vec::new(), 5);
    for plane in 0..info.n_planes() as usize {
        let stride = info.stride()[plane] as usize + PADDING;
        offsets.push(size);
        strides.push(stride as i32);
        size += stride * info.height() as usize + 3;
    }
    let bytes: Vec<u8> = (0..size)
        .map(|at| tables::random(3, at, 0, 255) as u8)
        .collect();
    let mut buffer = gst::Buffer::from_mut_slice(bytes);
    gst_video::VideoMeta::add_full(
        buffer.get_mut().unwrap(),
        gst_video::VideoFrameFlags::empty(),
        info.format(),
        info.width(),
        info.height(),
        &offsets,
        &strides,
    )
    .unwrap();
    buffer
}

const SITES: [(&str, (bool, bool)); 3] = [
    ("jpeg", (false, false)),
    ("mpeg2", (true, false)),
    ("cosited", (true, true)),
];

/// A frame in, a frame out, with the caps of both.
fn push(
    model: &str,
    format: &str,
    site: &str,
    scale: u32,
) -> (gst::Buffer, VideoInfo, gst::Buffer, VideoInfo) {
    let caps = |scale: u32| {
        let (width, height) = (11 * scale, 7 * scale);
        let rest = format!("framerate=25/1,chroma-site={site}");
        let caps = format!("video/x-raw,format={format},width={width},height={height},{rest}");
        caps.parse::<gst::Caps>().unwrap()
    };
    let mut harness = gst_check::Harness::new_parse(&format!("rclut model={model}"));
    harness.set_caps(caps(1), caps(scale));
    let (from, to) = (
        VideoInfo::from_caps(&caps(1)).unwrap(),
        VideoInfo::from_caps(&caps(scale)).unwrap(),
    );
    let source = noise_frame(&from);
    let output = harness.push_and_pull(source.clone()).unwrap();
    (source, from, output, to)
}

/// Every format at x2; at the other scales one of each way to store and to site samples.
fn scales(format: &str) -> Vec<(&str, u32)> {
    let others = match format {
        "I420" | "NV12" | "YUY2" | "BGRA" | "A422_10LE" | "P010_10LE" | "Y410" | "RGBA64_BE" => {
            1..=4
        }
        _ => 2..=2,
    };
    others.map(|scale| (format, scale)).collect()
}

#[test]
fn every_component_of_every_format_equals_the_reference() {
    let models = frames::models();
    let formats = frames::formats();
    let mut failures = Vec::new();
    for (format, scale) in formats.iter().flat_map(|format| scales(format)) {
        let model = Model::open(models.path(scale)).unwrap();
        for (site_name, cosited) in SITES {
            let (source, from, output, to) = push(&models.path(scale), format, site_name, scale);
            let is_subsampled = from.format_info().w_sub().iter().any(|sub| *sub > 0);
            let wanted = Wanted {
                model: Some(&model),
                scale: scale as usize,
                chroma: Some(Filter::Bicubic),
                cosited,
                split: 0.0,
            };
            for number in 0..from.n_components() as usize {
                let before = component(&source, &from, number);
                let expected = wanted.component(&before, &from, &to, number);
                if component(&output, &to, number) != expected {
                    failures.push(format!("{format} x{scale} {site_name}, component {number}"));
                }
            }
            if !is_subsampled {
                break;
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn high_depth_keeps_its_bits() {
    frames::init();
    let caps = "video/x-raw,format=GRAY16_LE,width=300,height=2,framerate=25/1";
    let mut harness = gst_check::Harness::new_parse("rclut scale=2");
    harness.set_src_caps_str(caps);
    let ramp = (0..600u16).flat_map(|at| (at % 300 * 64).to_le_bytes());
    let output = harness
        .push_and_pull(gst::Buffer::from_slice(ramp.collect::<Vec<_>>()))
        .unwrap();
    let map = output.map_readable().unwrap();
    let levels: std::collections::BTreeSet<_> = map.chunks(2).map(<[u8]>::to_vec).collect();
    assert!(levels.len() > 256, "{} levels", levels.len());
}

#[test]
fn bytes_that_mean_nothing_are_always_the_same() {
    frames::init();
    let models = frames::models();
    for (format, at) in [("RGBx", 3), ("xBGR", 0)] {
        let (.., output, _) = push(&models.path(2), format, "jpeg", 2);
        let map = output.map_readable().unwrap();
        assert!(
            map.iter().skip(at).step_by(4).all(|byte| *byte == 255),
            "{format}"
        );
    }
    let (.., output, _) = push(&models.path(2), "r210", "jpeg", 2);
    let map = output.map_readable().unwrap();
    let mut tops = map.chunks(256).flat_map(|row| row[..88].iter().step_by(4));
    assert!(tops.all(|byte| byte & 0xc0 == 0));
}

#[test]
fn fields_are_scaled_like_frames_of_their_height() {
    frames::init();
    let made = |features: &str, mode: &str, height: usize| {
        let mut harness = gst_check::Harness::new_parse("rclut scale=2 model=srlut");
        let rest = format!("interlace-mode={mode},framerate=25/1,chroma-site=mpeg2");
        harness.set_src_caps_str(&format!(
            "video/x-raw{features},format=I420,width=16,height={height},{rest}"
        ));
        let samples: Vec<u8> = (0..16 * 4 * 3 / 2).map(|at| (at * 37) as u8).collect();
        let output = harness.push_and_pull(gst::Buffer::from_slice(samples));
        output.unwrap().map_readable().unwrap().to_vec()
    };
    let fields = made("(format:Interlaced)", "alternate", 8);
    assert_eq!(fields, made("", "progressive", 4));
}
