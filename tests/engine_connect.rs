//! A model that mixes colours equals the reference: any interval, tables, size, layout, depth and number of threads; what
//! stands still is copied; and planes by themselves are refused.

mod models;

use gstrclut::engine::{
    History, Model, Options, Plane, PlaneMut, Upscaler,
    model::{Connect, Graph},
    plane::Layout,
    reference::{self, Image},
};
use models::{Content, Tables};
use proptest::prelude::*;

fn model(tables: Tables, text: &str, interval: u32) -> Model {
    let mut graph = Graph::parse(text, 2).unwrap();
    graph.connect = Some(Connect { interval });
    tables.model(graph)
}

/// What the stages make of the colours that the table makes.
fn expected(model: &Model, picture: &[Image; 3], depth: u32) -> [Image; 3] {
    let mixed = reference::connect(model, picture.each_ref(), depth).unwrap();
    mixed.map(|colour| reference::run(model, &colour, depth).output().clone())
}

/// A picture whose pixels hold `step` samples, the colours first.
fn packed(picture: &[Image; 3], step: usize) -> Vec<u16> {
    let pixel = |at: usize| (0..step).map(move |k| picture[k.min(2)].data[at]);
    (0..picture[0].data.len()).flat_map(pixel).collect()
}

/// What the upscaler makes of a picture, colour by colour.
fn upscaled(
    upscaler: &mut Upscaler,
    histories: Option<&mut [History; 3]>,
    picture: &[Image; 3],
    (depth, step): (u32, usize),
) -> [Image; 3] {
    let (width, height) = (picture[0].width, picture[0].height);
    let samples = packed(picture, step);
    let layout = Layout {
        width,
        height,
        stride: width * step,
        step,
    };
    let (width, height) = (2 * width, 2 * height);
    let mut histories = histories;
    let bytes: Vec<u8> = samples.iter().map(|v| *v as u8).collect();
    if depth == 8 {
        let plane = |colour: usize| Plane::with_layout(&bytes[colour..], layout).unwrap();
        let planes = [plane(0), plane(1), plane(2)];
        upscaler.connect_u8(planes.each_ref()).unwrap();
    } else {
        let plane = |colour: usize| Plane::with_layout(&samples[colour..], layout).unwrap();
        let planes = [plane(0), plane(1), plane(2)];
        upscaler.connect_u16(planes.each_ref(), depth).unwrap();
    }
    [0, 1, 2].map(|colour| {
        let history = histories.as_mut().map(|histories| &mut histories[colour]);
        let (mut narrow, mut deep) = (vec![0u8; width * height], vec![0u16; width * height]);
        let mut narrow_out = PlaneMut::new(&mut narrow, width, height, width).unwrap();
        let mut deep_out = PlaneMut::new(&mut deep, width, height, width).unwrap();
        match (depth, history) {
            (8, None) => upscaler.colour_u8(colour, &mut narrow_out).unwrap(),
            (8, Some(history)) => {
                let made = upscaler.colour_u8_after(history, colour, &mut narrow_out);
                let _ = made.unwrap();
            }
            (_, None) => upscaler.colour_u16(colour, &mut deep_out).unwrap(),
            (_, Some(history)) => {
                let made = upscaler.colour_u16_after(history, colour, &mut deep_out);
                let _ = made.unwrap();
            }
        }
        let data = match depth {
            8 => narrow.into_iter().map(u16::from).collect(),
            _ => deep,
        };
        Image::new(width, height, data)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn colours_equal_the_reference(
        tables in any::<Tables>(),
        contents in any::<[Content; 3]>(),
        (width, height) in (1..=40usize, 1..=40usize),
        depth in prop_oneof![2 => Just(8u32), 1 => 9..=16u32],
        (interval, step, threads) in (3..=6u32, 3..=4usize, 1..=4usize),
    ) {
        let model = model(tables, "s", interval);
        let picture = contents.map(|content| content.image(width, height, depth));
        let options = Options { threads, ..Options::default() };
        let mut upscaler = Upscaler::new(&model, options).unwrap();
        let found = upscaled(&mut upscaler, None, &picture, (depth, step));
        prop_assert!(found == expected(&model, &picture, depth));
    }
}

/// A change of one colour changes all three, and only where it is.
#[test]
fn what_stands_still_is_copied() {
    let model = model(Tables::noise(5), "s", 4);
    for depth in [8, 10] {
        let mut upscaler = Upscaler::new(&model, Options::default()).unwrap();
        let mut histories = <[History; 3]>::default();
        let mut picture = [1, 2, 3].map(|seed| Content::noise(seed).image(150, 70, depth));
        for frame in 0..12 {
            if frame % 4 == 3 {
                let sample = &mut picture[frame / 4].data[150 * 40 + 30];
                *sample = (*sample + 77) % (1 << depth);
            }
            let found = upscaled(&mut upscaler, Some(&mut histories), &picture, (depth, 3));
            assert!(
                found == expected(&model, &picture, depth),
                "frame {frame} of {depth} bits"
            );
        }
    }
}

#[test]
fn planes_by_themselves_and_colours_of_another_model_are_refused() {
    let mixing = model(Tables::noise(1), "s", 4);
    let mut upscaler = Upscaler::new(&mixing, Options::default()).unwrap();
    let samples = [0u8; 4];
    let mut output = [0u8; 16];
    let source = Plane::new(&samples, 2, 2, 2).unwrap();
    let flat = Plane::new(&samples, 4, 1, 4).unwrap();
    let mut destination = PlaneMut::new(&mut output, 4, 4, 4).unwrap();
    let error = upscaler.plane_u8(&source, &mut destination).unwrap_err();
    assert!(error.to_string().contains("red, green and blue"), "{error}");
    let error = upscaler.colour_u8(0, &mut destination).unwrap_err();
    assert!(error.to_string().contains("no picture"), "{error}");
    let error = upscaler.connect_u8([&source, &flat, &source]).unwrap_err();
    assert!(error.to_string().contains("different sizes"), "{error}");
    upscaler.connect_u8([&source; 3]).unwrap();
    upscaler.colour_u8(2, &mut destination).unwrap();

    let plain = Tables::noise(1).model(Graph::parse("s", 2).unwrap());
    let mut upscaler = Upscaler::new(&plain, Options::default()).unwrap();
    let error = upscaler.connect_u8([&source; 3]).unwrap_err();
    assert!(error.to_string().contains("one plane at a time"), "{error}");
}
