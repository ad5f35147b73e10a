//! Drawn pictures: the flat areas, ramps and hard edges that photographs lack and screens are full of.

use std::f32::consts::TAU;

use rand::{Rng, RngExt};

use crate::image::Image;

/// Most shapes in a picture.
const SHAPES: usize = 6;
/// Widest stroke of a line, in pixels of the full-size picture.
const WIDEST_STROKE: f32 = 8.0;

/// Slopes of gentle ramps, in levels for each pixel of the full-size picture.
const GENTLEST: f32 = 1.0 / 32.0;
const STEEPEST: f32 = 1.0;

/// A grey square of `side` pixels: a flat area or a ramp, half of the time with up to six shapes on it.
#[must_use]
pub fn draw(side: usize, random: &mut impl Rng) -> Image {
    let ground = Ground::new(side, random);
    let shapes = match random.random() {
        true => 0,
        false => random.random_range(1..=SHAPES),
    };
    let shapes: Vec<_> = (0..shapes).map(|_| Shape::new(side, random)).collect();
    let pixel = |y: usize, x: usize| {
        let (y, x) = (y as f32, x as f32);
        let top = shapes.iter().rev().find(|shape| shape.covers(y, x));
        top.map_or_else(|| ground.level(y, x), |shape| shape.level)
    };
    let pixels = (0..side).flat_map(|y| (0..side).map(move |x| (y, x)));
    let plane = pixels.map(|(y, x)| pixel(y, x)).collect();
    Image {
        width: side,
        height: side,
        planes: vec![plane],
    }
}

/// A level that rises along a direction, or does not.
struct Ground {
    start: f32,
    slope: (f32, f32),
}

impl Ground {
    fn new(side: usize, random: &mut impl Rng) -> Self {
        let start = random.random_range(0.0..256.0);
        let slope = match random.random_range(0..3) {
            0 => (0.0, 0.0),
            1 => gentle_slope(random),
            _ => {
                // Either direction covers at most half of the way to another level, so that both together stay in range.
                let mut slope = || (random.random_range(0.0..256.0) - start) / (2 * side) as f32;
                (slope(), slope())
            }
        };
        Self { start, slope }
    }

    fn level(&self, y: f32, x: f32) -> u8 {
        (self.start + self.slope.0 * y + self.slope.1 * x) as u8
    }
}

/// A slope on which every level lasts for some pixels; half of them lie along an axis.
fn gentle_slope(random: &mut impl Rng) -> (f32, f32) {
    let steepness = GENTLEST * (STEEPEST / GENTLEST).powf(random.random());
    match random.random_range(0..8) {
        0 => (steepness, 0.0),
        1 => (-steepness, 0.0),
        2 => (0.0, steepness),
        3 => (0.0, -steepness),
        _ => {
            let (sine, cosine) = random.random_range(0.0..TAU).sin_cos();
            (steepness * sine, steepness * cosine)
        }
    }
}

/// A rectangle, or a line with a stroke, of one level.
struct Shape {
    level: u8,
    from: (f32, f32),
    to: (f32, f32),
    /// Width of a line's stroke; none is a rectangle.
    stroke: Option<f32>,
}

impl Shape {
    fn new(side: usize, random: &mut impl Rng) -> Self {
        // Black and white are as likely as all the levels between.
        let level = match random.random_range(0..4) {
            0 => 0,
            1 => 255,
            _ => random.random(),
        };
        let mut point = || {
            let mut coordinate = || random.random_range(0.0..side as f32).floor();
            (coordinate(), coordinate())
        };
        let (from, to) = (point(), point());
        let stroke = random
            .random::<bool>()
            .then(|| random.random_range(1.0..WIDEST_STROKE));
        Self {
            level,
            from,
            to,
            stroke,
        }
    }

    fn covers(&self, y: f32, x: f32) -> bool {
        let Some(stroke) = self.stroke else {
            let within = |at: f32, from: f32, to: f32| at >= from.min(to) && at < from.max(to);
            return within(y, self.from.0, self.to.0) && within(x, self.from.1, self.to.1);
        };
        let along = (self.to.0 - self.from.0, self.to.1 - self.from.1);
        let offset = (y - self.from.0, x - self.from.1);
        let length = along.0.hypot(along.1).max(1.0);
        let distance = (offset.1 * along.0 - offset.0 * along.1) / length;
        let position = (offset.0 * along.0 + offset.1 * along.1) / length;
        distance.abs() <= stroke / 2.0 && (0.0..=length).contains(&position)
    }
}
