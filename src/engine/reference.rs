//! The arithmetic of every output bit, written to be read: scalar, slow, the oracle of every kernel.
//!
//! It follows the papers literally: the image is rotated, looked up and rotated back, where the fast path rotates
//! offsets instead. Sections are those of docs/arithmetic.md.

use super::model::{
    Border, BranchTables, Model, Offset, Pattern, RcModule, RcTables, Rounding, rotate_sub_pixel,
};

/// Samples of one plane, row by row, of 8 to 16 significant bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub width: usize,
    pub height: usize,
    pub data: Vec<u16>,
}

/// Everything that a run computes, for tests to compare.
#[derive(Debug)]
pub struct Trace {
    /// One entry for each stage.
    pub stages: Vec<StageTrace>,
}

/// What one stage computes.
#[derive(Debug)]
pub struct StageTrace {
    /// The sum over branches and rotations, before rounding, `scale` times as large as the image in the last stage.
    pub accumulator: Vec<i64>,
    /// The plane that the stage makes.
    pub plane: Image,
    /// For each branch with an RC module, its four planes, each in its own rotated frame.
    pub rc_planes: Vec<Option<[Image; 4]>>,
}

impl Trace {
    /// The upscaled image.
    #[must_use]
    pub fn output(&self) -> &Image {
        &self.stages[self.stages.len() - 1].plane
    }
}

impl Image {
    /// An image of `width` x `height` samples, row by row.
    ///
    /// # Panics
    /// If `data` does not hold exactly that many samples, or none.
    #[must_use]
    pub fn new(width: usize, height: usize, data: Vec<u16>) -> Self {
        assert_eq!(data.len(), width * height, "{width}x{height} image");
        assert!(!data.is_empty(), "an image has pixels");
        Self {
            width,
            height,
            data,
        }
    }

    fn from_fn(width: usize, height: usize, sample: impl Fn(usize, usize) -> u16) -> Self {
        let rows = (0..height).flat_map(|y| (0..width).map(move |x| (y, x)));
        Self::new(width, height, rows.map(|(y, x)| sample(y, x)).collect())
    }

    /// The sample at a coordinate that may lie outside (section 2).
    fn at(&self, y: i64, x: i64, border: Border) -> u16 {
        self.data[resolve(y, self.height, border) * self.width + resolve(x, self.width, border)]
    }

    /// A quarter turn counter-clockwise, as numpy's `rot90`.
    fn rotate(&self) -> Self {
        Self::from_fn(self.height, self.width, |y, x| {
            self.data[x * self.width + self.width - 1 - y]
        })
    }
}

/// The pixel that a coordinate reads (section 2).
fn resolve(coordinate: i64, length: usize, border: Border) -> usize {
    let last = length as i64 - 1;
    let inside = match border {
        Border::Reflect if last > 0 => {
            let period = coordinate.rem_euclid(2 * last);
            period.min(2 * last - period)
        }
        _ => coordinate.clamp(0, last),
    };
    inside as usize
}

/// Mixes the colours of a picture of `depth` bits, 8..=16: red, green and blue become what the model's stages read (section
/// 8). Nothing if the model does not mix colours.
///
/// # Panics
/// As [`run`], or if the colours differ in size.
#[must_use]
pub fn connect(model: &Model, colours: [&Image; 3], depth: u32) -> Option<[Image; 3]> {
    let (connect, table) = (model.graph().connect?, model.connect()?);
    let divide = Division::by(1, 127, connect.interval, depth);
    let mut mixed: [Vec<u16>; 3] = Default::default();
    for colour in colours {
        check(colour, depth);
        assert_eq!(
            (colour.width, colour.height),
            (colours[0].width, colours[0].height)
        );
    }
    for pixel in 0..colours[0].data.len() {
        let samples = colours.map(|colour| colour.data[pixel]);
        let mut sums = Vec::with_capacity(3);
        simplex(table, 3, connect.interval, samples, depth, &mut sums);
        for (colour, sum) in mixed.iter_mut().zip(sums) {
            colour.push(divide.apply(sum));
        }
    }
    Some(mixed.map(|data| Image::new(colours[0].width, colours[0].height, data)))
}

/// Runs a model's stages over an image of `depth` bits, 8..=16: the source, or one of the colours that [`connect`] made.
///
/// # Panics
/// If `depth` is out of range or a sample has more than `depth` bits.
#[must_use]
pub fn run(model: &Model, source: &Image, depth: u32) -> Trace {
    check(source, depth);
    let mut planes = vec![source.clone()];
    let mut stages = Vec::new();
    for index in 0..model.graph().stages.len() {
        let stage = run_stage(model, index, &planes, depth);
        planes.push(stage.plane.clone());
        stages.push(stage);
    }
    Trace { stages }
}

fn check(image: &Image, depth: u32) {
    assert!((8..=16).contains(&depth), "depth {depth}");
    assert!(
        image.data.iter().all(|v| u32::from(*v) < 1 << depth),
        "samples of {depth} bits"
    );
}

fn run_stage(model: &Model, index: usize, planes: &[Image], depth: u32) -> StageTrace {
    let graph = model.graph();
    let stage = &graph.stages[index];
    let side = graph.outputs(index).isqrt();
    let (width, height) = (planes[0].width, planes[0].height);
    let mut accumulator = vec![0i64; width * side * height * side];
    let mut rc_planes = Vec::new();
    for (branch, tables) in stage.branches.iter().zip(&model.tables()[index]) {
        let mut rotated = planes[branch.input].clone();
        let mut rc_rotated = Vec::new();
        for rotation in 0..4 {
            let look_up = LookUp {
                tables,
                pattern: branch.pattern,
                border: graph.border,
                outputs: side * side,
                interval: stage.interval,
            };
            let values = match (&branch.rc, &tables.rc) {
                (Some(module), Some(rc)) => {
                    let plane = rc_plane(&rotated, module, rc, graph.border, depth);
                    // R has 8 bits whatever the depth, so its look-ups are brought to the stage's scale (section 5).
                    let values = look_up.run(&plane, 8);
                    rc_rotated.push(plane);
                    values.iter().map(|value| value << (depth - 8)).collect()
                }
                _ => look_up.run(&rotated, depth),
            };
            add_rotated_back(&mut accumulator, &values, rotation, (width, height), side);
            rotated = rotated.rotate();
        }
        rc_planes.push(rc_rotated.try_into().ok());
    }
    let divide = Division::new(stage.rounding, stage.branches.len(), stage.interval, depth);
    let data = accumulator.iter().map(|sum| divide.apply(*sum)).collect();
    StageTrace {
        plane: Image::new(width * side, height * side, data),
        accumulator,
        rc_planes,
    }
}

/// Adds values looked up in a rotated frame to the accumulator of the unrotated one (section 2).
fn add_rotated_back(
    accumulator: &mut [i64],
    values: &[i64],
    rotation: usize,
    (width, height): (usize, usize),
    side: usize,
) {
    let rotated_width = [width, height][rotation % 2];
    for y in 0..height {
        for x in 0..width {
            // Where the pixel lies after `rotation` quarter turns counter-clockwise.
            let (ry, rx) = match rotation {
                0 => (y, x),
                1 => (width - 1 - x, y),
                2 => (height - 1 - y, width - 1 - x),
                _ => (x, height - 1 - y),
            };
            for u in 0..side {
                for v in 0..side {
                    let value = values[((ry * rotated_width + rx) * side + u) * side + v];
                    let (row, column) = rotate_sub_pixel(rotation, (u, v), side);
                    accumulator[(y * side + row) * width * side + x * side + column] += value;
                }
            }
        }
    }
}

/// The table of a branch, with what it takes to read it.
struct LookUp<'a> {
    tables: &'a BranchTables,
    pattern: Pattern,
    border: Border,
    outputs: usize,
    interval: u32,
}

impl LookUp<'_> {
    /// `outputs` values for each pixel of a plane of `depth` bits, each times `2^(interval + depth - 8)` (section 1).
    fn run(&self, plane: &Image, depth: u32) -> Vec<i64> {
        let mut values = Vec::with_capacity(plane.data.len() * self.outputs);
        for y in 0..plane.height as i64 {
            for x in 0..plane.width as i64 {
                match self.pattern {
                    Pattern::Point => self.point(plane.at(y, x, self.border), &mut values),
                    Pattern::Simplex(offsets) => {
                        let sample = |(dy, dx): Offset| {
                            plane.at(y + i64::from(dy), x + i64::from(dx), self.border)
                        };
                        let samples = offsets.map(sample);
                        let Self {
                            tables,
                            outputs,
                            interval,
                            ..
                        } = *self;
                        simplex(
                            &tables.table,
                            outputs,
                            interval,
                            samples,
                            depth,
                            &mut values,
                        );
                    }
                }
            }
        }
        values
    }

    /// One 1-D entry, times `q` (section 4).
    fn point(&self, index: u16, values: &mut Vec<i64>) {
        let entry = &self.tables.table[usize::from(index) * self.outputs..][..self.outputs];
        values.extend(entry.iter().map(|value| i64::from(*value) << self.interval));
    }
}

/// Simplex interpolation in a table of `AXES` dimensions, `outputs` values times `2^(interval + depth - 8)` (section 1: four
/// axes; section 8: three; section 5 widens the interval with the depth).
fn simplex<const AXES: usize>(
    table: &[i8],
    outputs: usize,
    interval: u32,
    samples: [u16; AXES],
    depth: u32,
    values: &mut Vec<i64>,
) {
    let nodes = (1usize << (8 - interval)) + 1;
    let interval = interval + depth - 8;
    let q = 1i64 << interval;
    let stride = |axis: usize| nodes.pow((AXES - 1 - axis) as u32);
    let fraction = |axis: usize| i64::from(samples[axis]) & (q - 1);
    let mut order: [usize; AXES] = std::array::from_fn(|axis| axis);
    order.sort_by_key(|axis| -fraction(*axis));

    let cells = samples.iter().enumerate();
    let mut vertex: usize = cells
        .map(|(axis, v)| usize::from(v >> interval) * stride(axis))
        .sum();
    let start = values.len();
    values.resize(start + outputs, 0);
    let mut add = |vertex: usize, weight: i64| {
        let entry = &table[vertex * outputs..][..outputs];
        for (sum, value) in values[start..].iter_mut().zip(entry) {
            *sum += weight * i64::from(*value);
        }
    };
    add(vertex, q - fraction(order[0]));
    for (j, axis) in order.into_iter().enumerate() {
        vertex += stride(axis);
        let next = order.get(j + 1).map_or(0, |axis| fraction(*axis));
        add(vertex, fraction(axis) - next);
    }
}

/// The plane of an RC module in the rotated frame, 0..=254 (section 4; section 5 above 8 bits).
fn rc_plane(
    plane: &Image,
    module: &RcModule,
    tables: &RcTables,
    border: Border,
    depth: u32,
) -> Image {
    let size = i64::from(module.size);
    let origin = i64::from(module.origin);
    Image::from_fn(plane.width, plane.height, |y, x| {
        let mut sum = 0i64;
        for i in 0..size {
            for j in 0..size {
                let sample = plane.at(y as i64 + i + origin, x as i64 + j + origin, border);
                let entries = module.entries as usize;
                let position = (i * size + j) as usize;
                let table = &tables.contributions[position * entries..][..entries];
                sum += contribution(table, sample, depth);
            }
        }
        let reached = |threshold: &&i32| sum >= i64::from(**threshold) << (depth - 8);
        tables.thresholds.iter().filter(reached).count() as u16
    })
}

/// One position's contribution: an entry, or two interpolated, times `2^(depth-8)` (and 16 with 17 entries).
fn contribution(table: &[i16], sample: u16, depth: u32) -> i64 {
    let interval = if table.len() == 256 {
        depth - 8
    } else {
        depth - 4
    };
    let node = usize::from(sample >> interval);
    let fraction = i64::from(sample) & ((1 << interval) - 1);
    let low = i64::from(table[node]);
    let high = match table.get(node + 1) {
        Some(next) => i64::from(*next),
        // Node 256 of a 256-entry table is extrapolated from the last two (section 5).
        None => 2 * low - i64::from(table[node - 1]),
    };
    low * ((1 << interval) - fraction) + high * fraction
}

/// The end of a stage: bias, division rounded half to even, clamp (section 3; section 5 above 8 bits).
pub struct Division {
    shift: u32,
    bias: i64,
    divisor: i64,
    max: i64,
}

impl Division {
    /// For the sum of `branches` branches whose tables have `interval` bits, at `depth` bits a sample.
    #[must_use]
    pub fn new(rounding: Rounding, branches: usize, interval: u32, depth: u32) -> Self {
        let (average, bias) = match rounding {
            Rounding::Mid => (4 * branches as i64, 127),
            Rounding::Last => (branches as i64, 0),
        };
        Self::by(average, bias, interval, depth)
    }

    /// By `average` times the interval, after a bias in 8-bit levels.
    fn by(average: i64, bias: i64, interval: u32, depth: u32) -> Self {
        let divisor = average << (interval + depth - 8);
        Self {
            shift: depth - 8,
            bias: (bias << (depth - 8)) * divisor,
            divisor,
            max: (1 << depth) - 1,
        }
    }

    /// The sample that a sum becomes.
    #[must_use]
    pub fn apply(&self, sum: i64) -> u16 {
        let numerator = (sum << self.shift) + self.bias;
        let floor = numerator.div_euclid(self.divisor);
        let twice_rest = 2 * numerator.rem_euclid(self.divisor);
        let up = twice_rest > self.divisor || (twice_rest == self.divisor && floor % 2 != 0);
        (floor + i64::from(up)).clamp(0, self.max) as u16
    }
}
