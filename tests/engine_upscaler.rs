//! The upscaler equals the reference, bit for bit: any graph that the format allows, any tables, size, layout, depth,
//! number of threads and band height.

mod models;

use gstrclut::engine::{
    Cpu, Model, Options, Plane, PlaneMut, Upscaler,
    model::{Border, Graph},
    plane::Layout,
    reference::{self, Image},
};
use models::{Content, Tables};
use proptest::prelude::*;

/// What a sample outside the planes holds before and after.
const UNTOUCHED: u16 = 0xa5;

/// How planes lie in memory.
#[derive(Clone, Copy, Debug)]
struct Packing {
    step: usize,
    padding: usize,
}

impl Packing {
    fn layout(self, width: usize, height: usize) -> Layout {
        Layout {
            width,
            height,
            stride: width * self.step + self.padding,
            step: self.step,
        }
    }
}

/// Upscales an image laid out as told and checks that nothing but the samples of the output is written.
fn upscale(
    upscaler: &mut Upscaler,
    image: &Image,
    depth: u32,
    source: Packing,
    destination: Packing,
) -> Vec<u16> {
    let (width, height) = (image.width, image.height);
    let from = source.layout(width, height);
    let mut samples = vec![UNTOUCHED; from.stride * height];
    for (index, sample) in image.data.iter().enumerate() {
        samples[index / width * from.stride + index % width * from.step] = *sample;
    }
    let to = destination.layout(width * upscaler.scale(), height * upscaler.scale());
    let mut output = vec![UNTOUCHED; to.stride * to.height];
    if depth == 8 {
        let bytes = |samples: &[u16]| samples.iter().map(|v| *v as u8).collect::<Vec<_>>();
        let (samples, mut bytes) = (bytes(&samples), bytes(&output));
        let plane = Plane::with_layout(&samples, from).unwrap();
        let mut out = PlaneMut::with_layout(&mut bytes, to).unwrap();
        upscaler.plane_u8(&plane, &mut out).unwrap();
        output = bytes.into_iter().map(u16::from).collect();
    } else {
        let plane = Plane::with_layout(&samples, from).unwrap();
        let mut out = PlaneMut::with_layout(&mut output, to).unwrap();
        upscaler.plane_u16(&plane, &mut out, depth).unwrap();
    }
    let mut found = Vec::new();
    for (index, sample) in output.into_iter().enumerate() {
        let x = index % to.stride;
        if x.is_multiple_of(to.step) && x / to.step < to.width {
            found.push(sample);
        } else {
            assert_eq!(sample, UNTOUCHED, "written outside the plane at {index}");
        }
    }
    found
}

fn assert_equal(found: &[u16], expected: &Image, what: &str) {
    let differs = found.iter().zip(&expected.data).position(|(a, b)| a != b);
    if let Some(at) = differs {
        let (x, y) = (at % expected.width, at / expected.width);
        panic!(
            "{what}: found {} at ({x}, {y}), expected {}",
            found[at], expected.data[at]
        );
    }
    assert_eq!(found.len(), expected.data.len());
}

fn packing() -> impl Strategy<Value = Packing> {
    (1..=4usize, 0..=7usize).prop_map(|(step, padding)| Packing { step, padding })
}

fn size() -> impl Strategy<Value = (usize, usize)> {
    prop_oneof![
        (1..=5usize, 1..=5usize),
        (1..=24usize, 1..=24usize),
        (1..=3usize, 20..=40usize),
        // Around the widths of vectors.
        (60..=70usize, 1..=6usize),
        (120..=136usize, 1..=3usize),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_graph_equals_the_reference(
        graph in models::graph(),
        tables in any::<Tables>(),
        content in any::<Content>(),
        (width, height) in size(),
        depth in prop_oneof![3 => Just(8u32), 1 => 9..=16u32],
        (threads, band_rows) in (1..=8usize, 0..=9usize),
        (source, destination) in (packing(), packing()),
        cpu in proptest::sample::select(&Cpu::ALL),
    ) {
        let model = tables.model(graph);
        let image = content.image(width, height, depth);
        let expected = reference::run(&model, &image, depth);
        let options = Options { threads, band_rows, cpu: Some(cpu) };
        let mut upscaler = Upscaler::new(&model, options).unwrap();
        for pass in ["first", "second"] {
            let found = upscale(&mut upscaler, &image, depth, source, destination);
            assert_equal(&found, expected.output(), &format!("{pass} pass"));
        }
    }
}

/// The graphs that the product is about, at each scale, on a plane that several threads and vectors share.
#[test]
fn known_graphs_equal_the_reference() {
    let graphs = [
        "s",
        "s d y ; s d y",
        "3 5 7 ; 3' 5 7'",
        "s 7 ; d@0 5@0 ; y@0 3@0 ; s@1 s@2 s@3 s@0 5@1",
    ];
    for (number, text) in graphs.iter().enumerate() {
        for scale in 1..=4 {
            let mut graph = Graph::parse(text, scale).unwrap();
            if number == 0 {
                graph.border = Border::Reflect;
            }
            let seed = number as u64 * 4 + u64::from(scale);
            let tables = if seed.is_multiple_of(2) {
                Tables::noise(seed)
            } else {
                Tables::smooth(seed)
            };
            let model = tables.model(graph);
            let images = [
                (8, Content::noise(seed)),
                (8, Content::smooth(seed)),
                (10, Content::noise(seed)),
            ];
            let images = images.map(|(depth, content)| (depth, content.image(133, 19, depth)));
            let expected = images
                .each_ref()
                .map(|(depth, image)| reference::run(&model, image, *depth));
            for (cpu, threads, band_rows) in runs() {
                let mut upscaler = used_upscaler(&model, cpu, threads, band_rows);
                for ((depth, image), expected) in images.iter().zip(&expected) {
                    let plain = Packing {
                        step: 1,
                        padding: 0,
                    };
                    let found = upscale(&mut upscaler, image, *depth, plain, plain);
                    let what = format!("{text} x{scale}, {depth} bits, {threads} threads, {cpu:?}");
                    assert_equal(&found, expected.output(), &what);
                }
            }
        }
    }
}

/// Every instruction set that the processor has, with one thread and with several.
fn runs() -> impl Iterator<Item = (Cpu, usize, usize)> {
    Cpu::ALL.into_iter().flat_map(|cpu| {
        if cpu > Cpu::detected() {
            println!("SKIPPED: {} is more than this processor has", cpu.name());
            return vec![];
        }
        vec![(cpu, 1, 0), (cpu, 3, 5)]
    })
}

/// An upscaler that has already run over a plane of another size.
fn used_upscaler(model: &Model, cpu: Cpu, threads: usize, band_rows: usize) -> Upscaler {
    let options = Options {
        threads,
        band_rows,
        cpu: Some(cpu),
    };
    let mut upscaler = Upscaler::new(model, options).unwrap();
    let plain = Packing {
        step: 1,
        padding: 0,
    };
    let image = Content::noise(0).image(9, 70, 8);
    upscale(&mut upscaler, &image, 8, plain, plain);
    upscaler
}

#[test]
fn a_destination_of_the_wrong_size_is_refused() {
    let model = Tables::noise(1).model(Graph::parse("s", 2).unwrap());
    let mut upscaler = Upscaler::new(&model, Options::default()).unwrap();
    let source = [0; 4];
    let mut output = [0; 16];
    let source = Plane::new(&source, 2, 2, 2).unwrap();
    let mut destination = PlaneMut::new(&mut output, 4, 3, 4).unwrap();
    let error = upscaler.plane_u8(&source, &mut destination).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("(4, 3)") && error.contains("(4, 4)"),
        "{error}"
    );
}

#[test]
fn a_depth_out_of_range_is_refused() {
    let model = Tables::noise(1).model(Graph::parse("s", 1).unwrap());
    let mut upscaler = Upscaler::new(&model, Options::default()).unwrap();
    for depth in [0, 7, 17] {
        let mut output = [0];
        let source = Plane::new(&[0], 1, 1, 1).unwrap();
        let mut destination = PlaneMut::new(&mut output, 1, 1, 1).unwrap();
        let error = upscaler.plane_u16(&source, &mut destination, depth);
        let error = error.unwrap_err().to_string();
        assert!(error.contains(&format!("{depth} bits")), "{error}");
    }
}
