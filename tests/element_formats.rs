//! Every format of the pad template against the reference: each component by itself, with rows and planes laid out as no
//! pool would lay them out.
#![cfg(feature = "plugin")]

mod support;

use gst_video::{VideoFormatInfo, VideoFrameRef, VideoInfo, prelude::*};
use gstrclut::engine::{
    Model, Plane, PlaneMut, Resampler, Siting, Workers,
    reference::{self, Image},
};

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

/// One component's samples.
fn component(buffer: &gst::BufferRef, info: &VideoInfo, component: u8) -> Image {
    let frame = VideoFrameRef::from_buffer_ref_readable(buffer, info).unwrap();
    let format = info.format_info();
    let width = format.scale_width(component, info.width()) as usize;
    let height = format.scale_height(component, info.height()) as usize;
    let plane = info.comp_plane(component);
    let stride = frame.plane_stride()[plane as usize] as usize;
    let start = info.comp_poffset(component) as usize;
    let step = info.comp_pstride(component) as usize;
    let bytes = frame.plane_data(plane).unwrap();
    let sample = |at: usize| bytes[start + at / width * stride + at % width * step];
    Image::new(
        width,
        height,
        (0..width * height).map(|at| sample(at).into()).collect(),
    )
}

/// What the element must make of a component.
fn expected(
    model: &Model,
    source: &Image,
    size: (usize, usize),
    site: Option<(Siting, Siting)>,
) -> Vec<u16> {
    let Some((horizontal, vertical)) = site else {
        return reference::run(model, source, 8).output().data.clone();
    };
    let bytes: Vec<u8> = source.data.iter().map(|v| *v as u8).collect();
    let mut out = vec![0; size.0 * size.1];
    Resampler::new(
        model.scale(),
        horizontal,
        vertical,
        Workers::new(1).unwrap(),
        0,
    )
    .plane_u8(
        &Plane::new(&bytes, source.width, source.height, source.width).unwrap(),
        &mut PlaneMut::new(&mut out, size.0, size.1, size.0).unwrap(),
    )
    .unwrap();
    out.into_iter().map(u16::from).collect()
}

/// The site of a component that the tables leave alone: chroma's by the caps, alpha's the pixel's own.
fn site(
    format: &VideoFormatInfo,
    component: u8,
    cosited: (bool, bool),
) -> Option<(Siting, Siting)> {
    let siting = |cosited| {
        if cosited {
            Siting::Cosited
        } else {
            Siting::Centred
        }
    };
    let number = component as usize;
    match component {
        0 => None,
        1 | 2 if format.is_rgb() => None,
        3 => Some((Siting::Centred, Siting::Centred)),
        _ => Some((
            siting(cosited.0 && format.w_sub()[number] > 0),
            siting(cosited.1 && format.h_sub()[number] > 0),
        )),
    }
}

#[test]
fn every_component_of_every_format_equals_the_reference() {
    let models = frames::models();
    for (format, scale) in frames::formats()
        .iter()
        .flat_map(|format| (1..=4).map(move |s| (format, s)))
    {
        let model = Model::open(models.path(scale)).unwrap();
        for (site_name, cosited) in [
            ("jpeg", (false, false)),
            ("mpeg2", (true, false)),
            ("cosited", (true, true)),
        ] {
            let (width, height) = (11, 7);
            let caps = |scale: u32| {
                let caps = format!(
                    "video/x-raw,format={format},width={},height={},framerate=25/1,chroma-site={site_name}",
                    width * scale,
                    height * scale,
                );
                caps.parse::<gst::Caps>().unwrap()
            };
            let (from, to) = (caps(1), caps(scale));
            let mut harness =
                gst_check::Harness::new_parse(&format!("rclut model={}", models.path(scale)));
            harness.set_caps(from.clone(), to.clone());
            let (from, to) = (
                VideoInfo::from_caps(&from).unwrap(),
                VideoInfo::from_caps(&to).unwrap(),
            );
            let source = noise_frame(&from);
            let output = harness.push_and_pull(source.clone()).unwrap();
            for number in 0..from.n_components() as u8 {
                let found = component(&output, &to, number);
                let site = site(&from.format_info(), number, cosited);
                let expected = expected(
                    &model,
                    &component(&source, &from, number),
                    (found.width, found.height),
                    site,
                );
                assert!(
                    found.data == expected,
                    "{format} x{scale} {site_name}, component {number}"
                );
            }
        }
    }
}
