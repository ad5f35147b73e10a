//! The resampler against a plain evaluation of its definition, and what a viewer would notice.

use super::*;

const SITINGS: [Siting; 2] = [Siting::Centred, Siting::Cosited];

/// Keys' cubic convolution kernel with a = -1/2.
fn kernel(t: f64) -> f64 {
    let t = t.abs();
    match t {
        ..1.0 => 1.5 * t.powi(3) - 2.5 * t.powi(2) + 1.0,
        1.0..2.0 => -0.5 * t.powi(3) + 2.5 * t.powi(2) - 4.0 * t + 2.0,
        _ => 0.0,
    }
}

/// Where output sample `j` lies among the source's samples: through luma positions, as the definition has it.
fn position(j: usize, scale: usize, siting: Siting) -> f64 {
    let offset = match siting {
        Siting::Centred => 0.5,
        Siting::Cosited => 0.0,
    };
    let luma = 2.0 * j as f64 + offset;
    let source_luma = (luma + 0.5) / scale as f64 - 0.5;
    (source_luma - offset) / 2.0
}

fn evaluate(source: &Plane<u16>, at: (f64, f64)) -> f64 {
    let (x, y) = at;
    let clamp = |v: i64, length: usize| v.clamp(0, length as i64 - 1) as usize;
    let mut sum = 0.0;
    for row in (y.floor() as i64 - 1)..=(y.floor() as i64 + 2) {
        for column in (x.floor() as i64 - 1)..=(x.floor() as i64 + 2) {
            let value = source.row(clamp(row, source.height()))[clamp(column, source.width())];
            sum += kernel(y - row as f64) * kernel(x - column as f64) * f64::from(value);
        }
    }
    sum
}

fn noise(count: usize, white: u16) -> Vec<u16> {
    let mut state = 1u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Mostly extremes: the worst case for overshoot.
        match state >> 30 {
            0 => 0,
            1 => white,
            _ => (state >> 8) as u16 & white,
        }
    };
    (0..count).map(next).collect()
}

fn resampler(scale: usize, horizontal: Siting, vertical: Siting) -> Resampler {
    Resampler::new(
        scale,
        Filter::Bicubic,
        horizontal,
        vertical,
        Workers::new(2).unwrap(),
        3,
    )
}

#[test]
fn agrees_with_the_definition_within_a_level() {
    let (width, height) = (13, 9);
    for depth in [8, 10, 12] {
        let white = u16::MAX >> (16 - depth);
        let data = noise(width * height, white);
        let source = Plane::new(&data, width, height, width).unwrap();
        for scale in 1..=4 {
            for (horizontal, vertical) in SITINGS.into_iter().flat_map(|h| SITINGS.map(|v| (h, v)))
            {
                let (out_width, out_height) = (width * scale, height * scale);
                let mut out = vec![0; out_width * out_height];
                let mut plane = PlaneMut::new(&mut out, out_width, out_height, out_width).unwrap();
                resampler(scale, horizontal, vertical)
                    .plane_u16(&source, &mut plane, depth)
                    .unwrap();
                for (at, found) in out.iter().enumerate() {
                    let x = position(at % out_width, scale, horizontal);
                    let y = position(at / out_width, scale, vertical);
                    let exact = evaluate(&source, (x, y)).clamp(0.0, f64::from(white));
                    let error = (f64::from(*found) - exact).abs();
                    assert!(error <= 1.0, "x{scale}, sample {at}: {found} for {exact}");
                }
            }
        }
    }
}

#[test]
fn eight_bits_are_the_same_in_either_width() {
    let (width, height) = (11, 7);
    let wide = noise(width * height, 255);
    let narrow: Vec<u8> = wide.iter().map(|v| *v as u8).collect();
    for scale in 1..=4 {
        let mut resampler = resampler(scale, Siting::Cosited, Siting::Centred);
        let (out_width, out_height) = (width * scale, height * scale);
        let mut out_wide = vec![0; out_width * out_height];
        let mut out_narrow = vec![0; out_width * out_height];
        resampler
            .plane_u16(
                &Plane::new(&wide, width, height, width).unwrap(),
                &mut PlaneMut::new(&mut out_wide, out_width, out_height, out_width).unwrap(),
                8,
            )
            .unwrap();
        resampler
            .plane_u8(
                &Plane::new(&narrow, width, height, width).unwrap(),
                &mut PlaneMut::new(&mut out_narrow, out_width, out_height, out_width).unwrap(),
            )
            .unwrap();
        assert!(
            out_wide
                .iter()
                .copied()
                .eq(out_narrow.iter().map(|v| u16::from(*v)))
        );
    }
}

#[test]
fn flat_stays_flat_and_scale_one_changes_nothing() {
    let flat = [201; 5 * 4];
    for scale in 1..=4 {
        let mut out = vec![0; 20 * scale * scale];
        resampler(scale, Siting::Cosited, Siting::Cosited)
            .plane_u8(
                &Plane::new(&flat, 5, 4, 5).unwrap(),
                &mut PlaneMut::new(&mut out, 5 * scale, 4 * scale, 5 * scale).unwrap(),
            )
            .unwrap();
        assert!(out.iter().all(|v| *v == 201), "x{scale}");
    }
    let data = noise(30, 4095);
    let mut out = [0; 30];
    resampler(1, Siting::Cosited, Siting::Centred)
        .plane_u16(
            &Plane::new(&data, 6, 5, 6).unwrap(),
            &mut PlaneMut::new(&mut out, 6, 5, 6).unwrap(),
            12,
        )
        .unwrap();
    assert_eq!(data, out);
}

/// A ramp over luma positions must stay one: a wrong site would show as colour that creeps along its edges.
#[test]
fn chroma_stays_at_its_site() {
    let width = 12;
    let slope = 8.0;
    for scale in 2..=4 {
        for siting in SITINGS {
            let offset = if siting == Siting::Centred { 0.5 } else { 0.0 };
            let data: Vec<u8> = (0..width)
                .map(|k| (slope * (2.0 * k as f64 + offset)) as u8)
                .collect();
            let mut out = vec![0; width * scale * scale];
            resampler(scale, siting, Siting::Centred)
                .plane_u8(
                    &Plane::new(&data, width, 1, width).unwrap(),
                    &mut PlaneMut::new(&mut out, width * scale, scale, width * scale).unwrap(),
                )
                .unwrap();
            let row = &out[..width * scale];
            let inner = row.iter().enumerate().skip(3 * scale);
            for (j, found) in inner.take((width - 6) * scale) {
                let luma = 2.0 * j as f64 + offset;
                let expected = slope * ((luma + 0.5) / scale as f64 - 0.5);
                let found = f64::from(*found);
                assert!(
                    (found - expected).abs() <= 1.0,
                    "x{scale} {siting:?}: sample {j} is {found}, expected {expected}"
                );
            }
        }
    }
}

#[test]
fn any_layout_thread_count_and_band_height_gives_the_same() {
    let (width, height, scale) = (37, 29, 3);
    // The chroma of an odd frame: one column and two rows fewer than three times.
    let (out_width, out_height) = (width * scale - 1, height * scale - 2);
    let data: Vec<u8> = noise(width * height, 255)
        .iter()
        .map(|v| *v as u8)
        .collect();
    let source = Plane::new(&data, width, height, width).unwrap();
    let run = |step: usize, threads: usize, band_rows: usize| {
        let stride = out_width * step + 5;
        let mut out = vec![7; stride * out_height];
        let layout = crate::engine::plane::Layout {
            width: out_width,
            height: out_height,
            stride,
            step,
        };
        let workers = Workers::new(threads).unwrap();
        Resampler::new(
            scale,
            Filter::Bicubic,
            Siting::Cosited,
            Siting::Centred,
            workers,
            band_rows,
        )
        .plane_u8(
            &source,
            &mut PlaneMut::with_layout(&mut out, layout).unwrap(),
        )
        .unwrap();
        let mut samples: Vec<u8> = Vec::new();
        for row in out.chunks(stride) {
            samples.extend(row[..out_width * step].iter().step_by(step));
            let between = row
                .iter()
                .enumerate()
                .filter(|(x, _)| x % step != 0 || *x >= out_width * step);
            assert!(
                between.into_iter().all(|(_, v)| *v == 7),
                "wrote outside its samples"
            );
        }
        samples
    };
    let expected = run(1, 1, 0);
    for step in [1, 2, 3, 4] {
        for (threads, band_rows) in [(1, 1), (2, 0), (3, 5), (7, 64)] {
            assert_eq!(
                expected,
                run(step, threads, band_rows),
                "{step} {threads} {band_rows}"
            );
        }
    }
}

#[test]
fn a_destination_that_is_too_large_is_refused() {
    let data = [0; 16];
    let source = Plane::new(&data, 4, 4, 4).unwrap();
    for (width, height) in [(9, 8), (8, 9)] {
        let mut out = vec![0; width * height];
        let mut plane = PlaneMut::new(&mut out, width, height, width).unwrap();
        let error = resampler(2, Siting::Centred, Siting::Centred)
            .plane_u8(&source, &mut plane)
            .unwrap_err();
        assert!(
            matches!(error, UpscaleError::Size { .. }),
            "{width}x{height}"
        );
    }
}

#[test]
fn bilinear_draws_straight_lines_between_neighbours() {
    let data = [0, 240, 0, 240];
    let mut out = [0; 16];
    let workers = Workers::new(1).unwrap();
    Resampler::new(
        4,
        Filter::Bilinear,
        Siting::Centred,
        Siting::Centred,
        workers,
        0,
    )
    .plane_u8(
        &Plane::new(&data, 4, 1, 4).unwrap(),
        &mut PlaneMut::new(&mut out, 16, 1, 16).unwrap(),
    )
    .unwrap();
    let between = [30, 90, 150, 210];
    let back = [210, 150, 90, 30];
    let expected = [&[0, 0][..], &between, &back, &between, &[240, 240]].concat();
    assert_eq!(out.as_slice(), expected);
}

#[test]
fn every_instruction_set_gives_the_same() {
    for cpu in Cpu::ALL {
        if cpu > Cpu::detected() {
            println!("SKIPPED: {} is more than this processor has", cpu.name());
            continue;
        }
        for width in (1..=40).chain([127, 128, 129]) {
            for (scale, siting) in (1..=4).flat_map(|scale| SITINGS.map(|siting| (scale, siting))) {
                let resampled = |cpu| {
                    let noise = noise(width * 5, 255);
                    // Black and white beside each other overshoot the most.
                    let extreme = noise.iter().map(|v| if v % 3 == 0 { 255 } else { 0 });
                    let source: Vec<u8> = extreme.collect();
                    let (out_width, out_height) = (scale * width, scale * 5);
                    let mut output = vec![0; out_width * out_height];
                    let mut resampler = resampler(scale, siting, siting);
                    resampler.cpu = cpu;
                    let source = Plane::new(&source, width, 5, width).unwrap();
                    let mut plane =
                        PlaneMut::new(&mut output, out_width, out_height, out_width).unwrap();
                    resampler.plane_u8(&source, &mut plane).unwrap();
                    output
                };
                let what = format!("x{scale}, width {width}, {siting:?}, {cpu:?}");
                assert_eq!(resampled(cpu), resampled(Cpu::Portable), "{what}");
            }
        }
    }
}
