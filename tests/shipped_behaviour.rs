//! What every model under luts/ does to pictures with nothing to learn from: flat areas, ramps, text and noise, the levels
//! of video among them.

mod support;

use gstrclut::engine::{Model, Options, Plane, PlaneMut, Upscaler};

use support::shipped;

/// What luts/README.md says of a model.
struct Card {
    name: &'static str,
    /// How far a flat area of any level is off.
    flat: u8,
    /// How far a ramp falls from a pixel to the next where it should rise.
    fall: u8,
    /// How much further than bicubic the surroundings of grey text and lines, which leave room for it, go beyond both of
    /// their levels.
    grey_overshoot: f32,
    /// The variance that noise of sigma 5 has afterwards, over what bicubic leaves of it.
    noise: f32,
}

/// The same for black and white text, of the full range and of video's.
const OVERSHOOT: f32 = 8.0;

const fn card(name: &'static str, flat: u8, fall: u8, grey_overshoot: f32, noise: f32) -> Card {
    Card {
        name,
        flat,
        fall,
        grey_overshoot,
        noise,
    }
}

const CARDS: [Card; 14] = [
    card("mulut-x2", 1, 0, 36.0, 2.5),
    card("mulut-x3", 1, 0, 39.0, 2.5),
    card("mulut-x4", 1, 0, 38.0, 2.5),
    card("rclut-paper-x2", 1, 2, 42.0, 2.9),
    card("rclut-paper-x3", 1, 2, 39.0, 2.7),
    card("rclut-paper-x4", 1, 2, 43.0, 2.7),
    card("rclut-video-x2", 0, 0, 59.0, 1.0),
    card("rclut-video-x4", 1, 0, 65.0, 1.1),
    card("rclut-x2", 0, 0, 54.0, 2.9),
    card("rclut-x3", 1, 0, 74.0, 2.8),
    card("rclut-x4", 0, 0, 82.0, 2.8),
    card("srlut-x2", 0, 0, 21.0, 2.1),
    card("srlut-x3", 0, 0, 39.0, 2.0),
    card("srlut-x4", 0, 0, 38.0, 2.0),
];

fn upscaler(name: &str) -> Upscaler {
    let model = Model::open(shipped::path(name)).unwrap();
    Upscaler::new(&model, Options::default()).unwrap()
}

/// The upscaled picture, by rows.
fn upscale(upscaler: &mut Upscaler, picture: &[u8], width: usize) -> Vec<Vec<u8>> {
    let (height, scale) = (picture.len() / width, upscaler.scale());
    let mut output = vec![0; picture.len() * scale * scale];
    let wide = width * scale;
    upscaler
        .plane_u8(
            &Plane::new(picture, width, height, width).unwrap(),
            &mut PlaneMut::new(&mut output, wide, height * scale, wide).unwrap(),
        )
        .unwrap();
    output.chunks_exact(wide).map(<[u8]>::to_vec).collect()
}

/// The largest distance of a flat picture's output from its level, over all levels.
fn flat_error(upscaler: &mut Upscaler) -> u8 {
    let error = |level: u8| {
        let rows = upscale(upscaler, &[level; 64], 8);
        rows.iter()
            .flatten()
            .map(|sample| sample.abs_diff(level))
            .max()
    };
    (0..=255).filter_map(error).max().unwrap()
}

/// The largest fall from a pixel to the next of a ramp that rises by a level every `run` pixels.
fn largest_fall(upscaler: &mut Upscaler, run: usize) -> u8 {
    let width = 256 * run;
    let row: Vec<u8> = (0..width).map(|x| (x / run) as u8).collect();
    let rows = upscale(upscaler, &row.repeat(8), width);
    let falls = rows
        .iter()
        .flat_map(|row| row.windows(2))
        .map(|pair| pair[0].saturating_sub(pair[1]));
    falls.max().unwrap()
}

/// Side of the pictures of text and noise.
const SIDE: usize = 48;

/// Glyphs of five by seven pixels, rows top down: R, C, L, U, T.
const GLYPHS: [[u8; 7]; 5] = [
    [0x1e, 0x11, 0x11, 0x1e, 0x14, 0x12, 0x11],
    [0x0e, 0x11, 0x10, 0x10, 0x10, 0x11, 0x0e],
    [0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1f],
    [0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e],
    [0x1f, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04],
];

/// Whether a pixel is inked: lines of text above, lines one pixel wide in four directions below.
fn is_inked(y: usize, x: usize) -> bool {
    if y < 24 {
        let glyph = GLYPHS[x / 8 % GLYPHS.len()];
        let (row, column) = (y % 12, x % 8);
        return row < 7 && column < 5 && glyph[row] >> (4 - column) & 1 == 1;
    }
    let (y, x) = (y - 24, x % 24);
    match x {
        2 => true,
        _ if y == 20 => true,
        4..=11 => y == x + 4,
        13..=21 => y + x == 26,
        _ => false,
    }
}

/// How far a picture goes beyond two levels, on either side.
fn overshoot(samples: &[f32], dark: u8, light: u8) -> f32 {
    let (dark, light) = (f32::from(dark), f32::from(light));
    let beyond = samples
        .iter()
        .map(|sample| (sample - light).max(dark - sample));
    beyond.fold(0.0, f32::max)
}

/// How much further text of some pairs of levels, either as the ink, goes beyond them than by bicubic.
fn overshoot_beyond_bicubic(upscaler: &mut Upscaler, pairs: &[(u8, u8)]) -> f32 {
    let inks = pairs
        .iter()
        .flat_map(|(dark, light)| [(*dark, *light), (*light, *dark)]);
    let excess = inks.map(|(ink, paper)| {
        let pixels = (0..SIDE * SIDE).map(|i| is_inked(i / SIDE, i % SIDE));
        let picture: Vec<u8> = pixels
            .map(|inked| if inked { ink } else { paper })
            .collect();
        let rows = upscale(upscaler, &picture, SIDE).concat();
        let rows: Vec<f32> = rows.iter().map(|sample| f32::from(*sample)).collect();
        let bicubic = bicubic(&picture, SIDE, upscaler.scale());
        let (dark, light) = (ink.min(paper), ink.max(paper));
        overshoot(&rows, dark, light) - overshoot(&bicubic, dark, light)
    });
    excess.fold(f32::NEG_INFINITY, f32::max)
}

/// The variance of noise of sigma 5 around a level, over that which bicubic leaves.
fn noise_over_bicubic(upscaler: &mut Upscaler) -> f32 {
    let mut state = 1u32;
    // The sum of twelve numbers between 0 and 1 has a variance of 1.
    let mut normal = || {
        let uniform = (0..12).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state) / f64::from(u32::MAX)
        });
        uniform.sum::<f64>() - 6.0
    };
    let ratio = |level: f64| {
        let samples = (0..SIDE * SIDE).map(|_| (level + 5.0 * normal()).round() as u8);
        let picture: Vec<u8> = samples.collect();
        let rows = upscale(upscaler, &picture, SIDE).concat();
        let rows: Vec<f32> = rows.iter().map(|sample| f32::from(*sample)).collect();
        variance(&rows) / variance(&bicubic(&picture, SIDE, upscaler.scale()))
    };
    [40.0, 126.0, 210.0]
        .map(ratio)
        .into_iter()
        .fold(0.0, f32::max)
}

fn variance(samples: &[f32]) -> f32 {
    let count = samples.len() as f32;
    let mean = samples.iter().sum::<f32>() / count;
    samples
        .iter()
        .map(|sample| (sample - mean).powi(2))
        .sum::<f32>()
        / count
}

/// A square picture upscaled by Keys' cubic convolution (a = -1/2), its border repeated; not rounded.
fn bicubic(picture: &[u8], side: usize, scale: usize) -> Vec<f32> {
    let cubic = |x: f32| match x.abs() {
        x if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
        x if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
        _ => 0.0,
    };
    let taps = |index: usize| {
        let centre = (index as f32 + 0.5) / scale as f32 - 0.5;
        let first = centre.floor() as isize - 1;
        let tap = |at: isize| {
            (
                at.clamp(0, side as isize - 1) as usize,
                cubic(centre - at as f32),
            )
        };
        [first, first + 1, first + 2, first + 3].map(tap)
    };
    let at = |y: usize, x: usize| {
        let sums = taps(y).map(|(row, weight)| {
            let samples =
                taps(x).map(|(column, weight)| weight * f32::from(picture[row * side + column]));
            weight * samples.iter().sum::<f32>()
        });
        sums.iter().sum()
    };
    let wide = side * scale;
    (0..wide * wide).map(|i| at(i / wide, i % wide)).collect()
}

#[test]
fn models_stay_within_what_their_cards_say() {
    let mut broken = Vec::new();
    for card in CARDS {
        let mut upscaler = upscaler(card.name);
        let flat = flat_error(&mut upscaler);
        let fall = [1, 2, 4].map(|run| largest_fall(&mut upscaler, run));
        let overshoot = overshoot_beyond_bicubic(&mut upscaler, &[(0, 255), (16, 235)]);
        let grey_overshoot = overshoot_beyond_bicubic(&mut upscaler, &[(64, 192), (100, 140)]);
        let noise = noise_over_bicubic(&mut upscaler);
        let found = format!(
            "{}: flat areas {flat}, falls {fall:?}, overshoot {overshoot:.1}, of grey {grey_overshoot:.1}, noise {noise:.2}",
            card.name
        );
        println!("{found}");
        let kept = flat <= card.flat
            && fall.iter().all(|fall| *fall <= card.fall)
            && overshoot <= OVERSHOOT
            && grey_overshoot <= card.grey_overshoot
            && noise <= card.noise;
        if !kept {
            broken.push(found);
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_model_has_its_card() {
    for name in shipped::names() {
        let known = CARDS.iter().any(|card| card.name == name);
        assert!(known, "{name} has no card");
    }
}
