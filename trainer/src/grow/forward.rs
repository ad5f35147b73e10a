//! The network's output and everything that its gradient needs: ARITHMETIC sections 1 to 4 in real numbers.
//!
//! Rotations are those of the offsets, never of the image. Planes between stages hold whole levels, as in the engine.

use gstrclut::engine::model::{Offset, rotate_offset, rotate_sub_pixel};
use multiversion::multiversion;

use super::{
    cells::Cells,
    net::{Net, pattern_reach},
    plane::Padded,
    table::Table,
};

/// What a run computes.
pub struct Activations {
    /// The source and the plane of every stage but the last.
    pub planes: Vec<Padded>,
    /// Those planes, the source left out, before they were rounded and clamped.
    pub unrounded: Vec<Vec<f32>>,
    /// By stage and branch, the planes R of an RC module in the four rotations.
    pub rc: Vec<Vec<Option<[Padded; 4]>>>,
    /// `scale^2` values for each source pixel, not rounded or clamped; entry `u*scale+v` is sub-pixel `(u, v)`.
    pub output: Vec<f32>,
}

/// Runs a network over a plane of 8-bit levels, row by row.
#[must_use]
pub fn run(net: &Net, source: &[f32], size: (usize, usize)) -> Activations {
    let border = net.graph.border;
    let mut run = Activations {
        planes: vec![Padded::new(source, size, net.margin(0), border)],
        unrounded: Vec::new(),
        rc: Vec::new(),
        output: Vec::new(),
    };
    let last = net.branches.len() - 1;
    for index in 0..=last {
        let (mut values, rc) = run_stage(net, index, &run.planes);
        run.rc.push(rc);
        let ending = net.ending(index);
        values
            .iter_mut()
            .for_each(|value| *value = *value / ending.average + ending.bias);
        if index == last {
            run.output = values;
        } else {
            let levels: Vec<f32> = values.iter().map(|value| to_level(*value)).collect();
            run.planes
                .push(Padded::new(&levels, size, net.margin(index + 1), border));
            run.unrounded.push(values);
        }
    }
    run
}

/// The 8-bit level nearest to a value.
#[inline(always)]
#[must_use]
pub fn to_level(value: f32) -> f32 {
    round(value.clamp(0.0, 255.0))
}

/// The whole number nearest to a value within 2^22, halves to the even one: beside 1.5 * 2^23 there is no room for a
/// fraction. Without the instruction for it the compiler would call a function.
#[inline(always)]
#[must_use]
pub fn round(value: f32) -> f32 {
    const NO_FRACTION: f32 = 12_582_912.0;
    (value + NO_FRACTION) - NO_FRACTION
}

/// Sums of a stage's look-ups for each pixel, and the planes of its RC modules.
fn run_stage(net: &Net, index: usize, planes: &[Padded]) -> (Vec<f32>, Vec<Option<[Padded; 4]>>) {
    let stage = &net.graph.stages[index];
    let outputs = net.graph.outputs(index);
    let (width, height) = planes[0].size();
    let mut sums: [Vec<f32>; 4] = std::array::from_fn(|_| vec![0.0; width * height * outputs]);
    let mut rc_planes = Vec::new();
    for (place, branch) in stage.branches.iter().zip(&net.branches[index]) {
        let plane = &planes[place.input];
        let reach = pattern_reach(place.pattern);
        let rc = branch.rc.as_ref().map(|rc| {
            let plane = |rotation| rc.plane(plane, rotation, reach, net.graph.border);
            std::array::from_fn(plane)
        });
        for (rotation, sums) in sums.iter_mut().enumerate() {
            let read = rc.as_ref().map_or(plane, |rc: &[Padded; 4]| &rc[rotation]);
            let offsets = rotated(place.pattern.offsets(), rotation);
            add_look_ups(&branch.table, read, &offsets, sums);
        }
        rc_planes.push(rc);
    }
    (unrotated(&sums, outputs), rc_planes)
}

/// Offsets of a pattern in the unrotated frame.
#[must_use]
pub fn rotated(offsets: &[Offset], rotation: usize) -> Vec<Offset> {
    offsets
        .iter()
        .map(|offset| rotate_offset(rotation, *offset))
        .collect()
}

/// For each entry of a table, the sub-pixel that it lands on in the unrotated frame.
#[must_use]
pub fn landing(outputs: usize, rotation: usize) -> Vec<usize> {
    let side = outputs.isqrt();
    let entries = (0..outputs).map(|entry| (entry / side, entry % side));
    let places = entries.map(|entry| rotate_sub_pixel(rotation, entry, side));
    places.map(|(row, column)| row * side + column).collect()
}

/// Adds up the sums of the four rotated frames.
fn unrotated(sums: &[Vec<f32>; 4], outputs: usize) -> Vec<f32> {
    match outputs {
        1 => add_frames::<1>(sums),
        4 => add_frames::<4>(sums),
        9 => add_frames::<9>(sums),
        _ => add_frames::<16>(sums),
    }
}

fn add_frames<const OUTPUTS: usize>(sums: &[Vec<f32>; 4]) -> Vec<f32> {
    let mut total = sums[0].clone();
    for (rotation, sums) in sums.iter().enumerate().skip(1) {
        let landing = landing(OUTPUTS, rotation);
        let landing: &[usize; OUTPUTS] = landing.as_slice().try_into().expect("a place for each");
        let (total, _) = total.as_chunks_mut::<OUTPUTS>();
        let (sums, _) = sums.as_chunks::<OUTPUTS>();
        for (total, sums) in total.iter_mut().zip(sums) {
            for (place, sum) in landing.iter().zip(sums) {
                total[*place] += sum;
            }
        }
    }
    total
}

/// Adds a table's look-ups on a plane to the sums of each pixel.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq", "x86_64+avx2"))]
pub fn add_look_ups(table: &Table, plane: &Padded, offsets: &[Offset], sums: &mut [f32]) {
    match (offsets, table.outputs) {
        (&[a, b, c, d], 1) => add::<4, 1>(table, plane, [a, b, c, d], sums),
        (&[a, b, c, d], 4) => add::<4, 4>(table, plane, [a, b, c, d], sums),
        (&[a, b, c, d], 9) => add::<4, 9>(table, plane, [a, b, c, d], sums),
        (&[a, b, c, d], 16) => add::<4, 16>(table, plane, [a, b, c, d], sums),
        (&[a], 1) => add::<1, 1>(table, plane, [a], sums),
        (&[a], 4) => add::<1, 4>(table, plane, [a], sums),
        (&[a], 9) => add::<1, 9>(table, plane, [a], sums),
        (&[a], 16) => add::<1, 16>(table, plane, [a], sums),
        _ => unreachable!("a pattern has 1 or 4 offsets, a table 1, 4, 9 or 16 outputs"),
    }
}

#[inline(always)]
fn add<const AXES: usize, const OUTPUTS: usize>(
    table: &Table,
    plane: &Padded,
    offsets: [Offset; AXES],
    sums: &mut [f32],
) {
    let (width, _) = plane.size();
    let level = 1.0 / (1u32 << table.interval) as f32;
    let (entries, _) = table.entries.as_chunks::<OUTPUTS>();
    let mut cells = Cells::<AXES>::new(table, width);
    for (y, sums) in sums.chunks_exact_mut(width * OUTPUTS).enumerate() {
        cells.place(offsets.map(|offset| plane.row(y, offset)));
        let (sums, _) = sums.as_chunks_mut::<OUTPUTS>();
        for (x, sum) in sums.iter_mut().enumerate() {
            let mut vertex = cells.first(x);
            let mut above = 1.0;
            let mut total = *sum;
            for step in cells.steps(x) {
                let fraction = step.fraction() * level;
                add_scaled(&mut total, above - fraction, &entries[vertex]);
                above = fraction;
                vertex += step.stride();
            }
            add_scaled(&mut total, above, &entries[vertex]);
            *sum = total;
        }
    }
}

/// `sum += weight * entry`, through copies that cannot overlap: the compiler keeps them in vectors.
#[inline(always)]
pub fn add_scaled<const N: usize>(sum: &mut [f32; N], weight: f32, entry: &[f32; N]) {
    let (mut total, entry) = (*sum, *entry);
    for (total, value) in total.iter_mut().zip(entry) {
        *total += weight * value;
    }
    *sum = total;
}
