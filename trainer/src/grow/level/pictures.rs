//! Flat areas and ramps, and which entries of a stage their pixels read.

use std::collections::BTreeMap;

use gstrclut::engine::model::Offset;

use crate::grow::{
    cells::Cells,
    forward::{self, Activations, rotated},
    net::Net,
    plane::Padded,
    table::Table,
};

/// Levels of a plane.
pub const LEVELS: usize = 256;
/// How many pixels a level of a ramp lasts, ramp by ramp.
pub const RUNS: [usize; 3] = [1, 2, 4];
/// Pixels of all pictures: of the flat areas one each, level by level, then the ramps.
pub const PIXELS: usize = LEVELS * (1 + RUNS[0] + RUNS[1] + RUNS[2]);

/// By branch and row of a stage's tables, who reads them.
pub type Reads = BTreeMap<(usize, usize), Vec<Reader>>;

/// A pixel that reads a row in one of the four rotations.
#[derive(Clone, Copy)]
pub struct Reader {
    pub pixel: usize,
    pub rotation: usize,
    /// The row's part of the look-up.
    pub weight: f32,
}

/// What a network makes of each flat area and each ramp. A pixel of a flat area stands for all of it; a row of a ramp that
/// rises to the right for all rows, and for ramps in the other directions, which the four rotations upscale alike.
pub fn runs(net: &Net) -> Vec<Activations> {
    let levels = |width: usize| (0..width).map(move |x| x as f32 * LEVELS as f32 / width as f32);
    let flat = levels(LEVELS).map(|level| forward::run(net, &[level], (1, 1)));
    let ramps = RUNS.map(|run| {
        let ramp: Vec<f32> = levels(LEVELS * run).map(f32::floor).collect();
        forward::run(net, &ramp, (ramp.len(), 1))
    });
    flat.chain(ramps).collect()
}

/// The rows of a stage that the pictures read. `runs` are those of [`runs`].
pub fn reads(net: &Net, stage: usize, runs: &[Activations]) -> Reads {
    let mut reads = Reads::new();
    let mut first = 0;
    for run in runs {
        for branch in 0..net.branches[stage].len() {
            each_read(net, run, (stage, branch), |row, reader| {
                let pixel = first + reader.pixel;
                let reader = Reader { pixel, ..reader };
                reads.entry((branch, row)).or_default().push(reader);
            });
        }
        first += run.planes[0].size().0;
    }
    reads
}

/// Visits what a branch reads in a run: each row of its table and who reads it.
pub fn each_read(
    net: &Net,
    run: &Activations,
    (stage, branch): (usize, usize),
    mut visit: impl FnMut(usize, Reader),
) {
    let place = &net.graph.stages[stage].branches[branch];
    let table = &net.branches[stage][branch].table;
    for rotation in 0..4 {
        let plane = match &run.rc[stage][branch] {
            Some(planes) => &planes[rotation],
            None => &run.planes[place.input],
        };
        let offsets = rotated(place.pattern.offsets(), rotation);
        let visit = |pixel, row, weight| {
            let reader = Reader {
                pixel,
                rotation,
                weight,
            };
            visit(row, reader);
        };
        match offsets[..] {
            [a, b, c, d] => each_vertex::<4>(table, plane, [a, b, c, d], visit),
            [a] => each_vertex::<1>(table, plane, [a], visit),
            _ => unreachable!("a pattern has 1 or 4 offsets"),
        }
    }
}

fn each_vertex<const AXES: usize>(
    table: &Table,
    plane: &Padded,
    offsets: [Offset; AXES],
    mut visit: impl FnMut(usize, usize, f32),
) {
    let (width, height) = plane.size();
    let level = 1.0 / (1u32 << table.interval) as f32;
    let mut cells = Cells::<AXES>::new(table, width);
    for y in 0..height {
        cells.place(offsets.map(|offset| plane.row(y, offset)));
        for x in 0..width {
            let (mut vertex, mut above) = (cells.first(x), 1.0);
            let mut visit = |vertex, weight| {
                if weight > 0.0 {
                    visit(y * width + x, vertex, weight);
                }
            };
            for step in cells.steps(x) {
                let fraction = step.fraction() * level;
                visit(vertex, above - fraction);
                above = fraction;
                vertex += step.stride();
            }
            visit(vertex, above);
        }
    }
}
