//! The table in front of the stages: red, green and blue of each pixel become three new colours (ARITHMETIC section 8).

use super::{Model, Plane, PlaneMut, Workers, kernels::Sample, tiles::Size};

/// Rows that a thread mixes at a time.
const BAND_ROWS: usize = 16;

/// Processor cycles to mix a pixel, roughly; decides how many threads pay.
const CYCLES_PER_PIXEL: usize = 40;

/// The table, packed: a vertex holds its three entries and a filler, so that four lanes do the same.
pub struct Connect {
    vertices: Vec<[i32; 4]>,
    nodes: usize,
    interval: u32,
}

/// The three new colours of a picture, each a plane without padding.
#[derive(Default)]
pub struct Colours<S> {
    size: Option<Size>,
    planes: [Vec<S>; 3],
}

impl<S: Sample> Colours<S> {
    /// One of the colours, 0..3, once there is a picture.
    pub fn plane(&self, colour: usize) -> Option<Plane<'_, S>> {
        let Size { width, height } = self.size?;
        Plane::new(&self.planes[colour], width, height, width).ok()
    }

    /// Becomes what the table makes of three colours of `depth` bits and of one size.
    pub fn fill(
        &mut self,
        table: &Connect,
        colours: [&Plane<S>; 3],
        depth: u32,
        workers: &Workers,
    ) {
        let size = Size::of(colours[0]);
        let Size { width, height } = size;
        self.size = Some(size);
        for plane in &mut self.planes {
            plane.resize(width * height, S::default());
        }
        let [red, green, blue] = self
            .planes
            .each_mut()
            .map(|plane| PlaneMut::new(plane, width, height, width).expect("a plane of this size"));
        let [mut red, mut green, mut blue] = [red, green, blue];
        let bands = red.bands(BAND_ROWS).zip(green.bands(BAND_ROWS));
        let bands = bands.zip(blue.bands(BAND_ROWS));
        let threads = workers.paying(width * height * CYCLES_PER_PIXEL);
        workers.run(&mut vec![(); threads], bands, |(), band| {
            let (((top, mut red), (_, mut green)), (_, mut blue)) = band;
            for y in 0..red.height() {
                let from = colours.map(|colour| colour.row(top + y));
                let steps = colours.map(|colour| colour.layout().step);
                let to = [red.row_mut(y), green.row_mut(y), blue.row_mut(y)];
                table.mix(from, steps, depth, to);
            }
        });
    }
}

impl Connect {
    /// The table of a model, if it has one.
    pub fn of(model: &Model) -> Option<Self> {
        let (connect, entries) = (model.graph().connect?, model.connect()?);
        let vertices = entries.as_chunks().0.iter();
        Some(Self {
            vertices: vertices
                .map(|[r, g, b]| [*r, *g, *b, 0].map(i32::from))
                .collect(),
            nodes: connect.nodes(),
            interval: connect.interval,
        })
    }

    /// A row of pixels.
    fn mix<S: Sample>(&self, from: [&[S]; 3], steps: [usize; 3], depth: u32, to: [&mut [S]; 3]) {
        let mask = u16::MAX >> (16 - depth);
        let max = i32::from(mask);
        let shift = depth - 8;
        let interval = self.interval + shift;
        let q = 1i32 << interval;
        let strides = [self.nodes * self.nodes, self.nodes, 1];
        // A is q times an entry, a level is 2^shift of them: what divides A is 2^interval again.
        let half = (1i32 << self.interval) / 2;
        let bias = 127 * q;
        let [red, green, blue] = to;
        for (x, ((red, green), blue)) in red.iter_mut().zip(green).zip(blue).enumerate() {
            let sample = |colour: usize| {
                let sample: u16 = from[colour][x * steps[colour]].into();
                sample & mask
            };
            let samples = [sample(0), sample(1), sample(2)];
            let cell = |axis: usize| usize::from(samples[axis] >> interval) * strides[axis];
            let mut vertex = cell(0) + cell(1) + cell(2);
            // Fractions, falling, each with the way to the next vertex.
            let step = |axis: usize| (i32::from(samples[axis]) & (q - 1), strides[axis]);
            let [a, b, c] = [step(0), step(1), step(2)];
            let (a, b) = if b.0 > a.0 { (b, a) } else { (a, b) };
            let (b, c) = if c.0 > b.0 { (c, b) } else { (b, c) };
            let (a, b) = if b.0 > a.0 { (b, a) } else { (a, b) };
            let mut sums = [bias; 4];
            let mut add = |vertex: usize, weight: i32| {
                for (sum, entry) in sums.iter_mut().zip(&self.vertices[vertex]) {
                    *sum += weight * entry;
                }
            };
            add(vertex, q - a.0);
            for ((fraction, stride), next) in [(a, b.0), (b, c.0), (c, 0)] {
                vertex += stride;
                add(vertex, fraction - next);
            }
            let level = |sum: i32| {
                let odd = (sum >> self.interval) & 1;
                let level = (sum + half - 1 + odd) >> self.interval;
                S::from_u16(level.clamp(0, max) as u16)
            };
            (*red, *green, *blue) = (level(sums[0]), level(sums[1]), level(sums[2]));
        }
    }
}
