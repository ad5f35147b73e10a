//! The loss of a patch and its exact gradient, with respect to entries, RC weights and the planes between stages.
//!
//! A table is piecewise linear: its gradient by an entry is the entry's weight, and by an input the difference of the
//! two vertices that the input's step joins, over the cell's side. Rounding is passed straight through.

use gstrclut::engine::model::Offset;
use multiversion::multiversion;

use super::{
    cells::Cells,
    forward::{self, Activations, add_scaled, landing, rotated},
    net::Net,
    plane::Padded,
    table::Table,
};

/// Vertices of a simplex in four dimensions.
const VERTICES: usize = 5;
/// Partial sums of a dot product.
const LANES: usize = 4;

/// Gradients of one branch.
#[derive(Clone, Debug)]
pub struct BranchGradient {
    /// As the table's entries.
    pub table: Vec<f32>,
    /// For each entry, whether a look-up has touched it since the gradient was last zero.
    pub touched: Vec<bool>,
    /// As the weights of the RC module; empty without one.
    pub rc: Vec<f32>,
}

/// Gradients by stage and branch; a stage that learns no more has none.
pub type Gradient = Vec<Vec<BranchGradient>>;

/// A gradient of zeros for the stages from `first` on.
#[must_use]
pub fn zero_gradient(net: &Net, first: usize) -> Gradient {
    let branch = |branch: &super::net::Branch| BranchGradient {
        table: vec![0.0; branch.table.entries.len()],
        touched: vec![false; branch.table.rows()],
        rc: vec![0.0; branch.rc.as_ref().map_or(0, |rc| rc.weights().len())],
    };
    let stages = net.branches.iter().enumerate();
    stages
        .map(|(index, stage)| {
            let learning = stage.iter().filter(|_| index >= first);
            learning.map(branch).collect()
        })
        .collect()
}

/// Adds the gradient of a patch's loss, its mean squared error in levels, and returns the loss. The `target` is laid out as
/// [`Activations::output`].
pub fn add_gradient(
    net: &Net,
    source: &[f32],
    target: &[f32],
    size: (usize, usize),
    gradient: &mut Gradient,
) -> f64 {
    let run = forward::run(net, source, size);
    let count = target.len() as f32;
    // The clamp of the output is passed straight through too, but no pixel is pushed further out of range.
    let errors = run.output.iter().zip(target);
    let mut errors: Vec<f32> = errors
        .map(|(value, target)| value.clamp(0.0, 255.0) - target)
        .collect();
    let squares: f64 = errors.iter().map(|e| f64::from(e * e)).sum();
    errors.iter_mut().for_each(|error| *error *= 2.0 / count);
    backward(net, &run, errors, gradient);
    squares / f64::from(count)
}

/// Adds the gradient of the whole network, given that of its output.
pub fn backward(net: &Net, run: &Activations, output_gradient: Vec<f32>, gradient: &mut Gradient) {
    let planes = run.planes.iter();
    let mut plane_gradients: Vec<Padded> = planes
        .map(|plane| {
            let (width, height) = plane.size();
            Padded::zeros(width, height, plane.margin())
        })
        .collect();
    let mut values = output_gradient;
    let first = gradient.iter().take_while(|stage| stage.is_empty()).count();
    for index in (first..net.branches.len()).rev() {
        let average = net.ending(index).average;
        values.iter_mut().for_each(|value| *value /= average);
        let learning = &mut plane_gradients[first + 1..];
        backward_stage(net, index, run, &values, &mut gradient[index], learning);
        if index > first {
            let plane = &mut plane_gradients[index];
            plane.fold_margin(net.graph.border);
            let unrounded = run.unrounded[index - 1].iter();
            let passed = plane.samples().into_iter().zip(unrounded);
            let inside = |value: &f32| (0.0..=255.0).contains(value);
            values = passed
                .map(|(g, value)| if inside(value) { g } else { 0.0 })
                .collect();
        }
    }
}

/// Adds the gradients of one stage, given that of its sums; `plane_gradients` are those of the last planes, made by the stages
/// that learn.
fn backward_stage(
    net: &Net,
    index: usize,
    run: &Activations,
    sums: &[f32],
    gradient: &mut [BranchGradient],
    plane_gradients: &mut [Padded],
) {
    let stage = &net.graph.stages[index];
    let outputs = net.graph.outputs(index);
    let still = run.planes.len() - plane_gradients.len();
    let frames: [Vec<f32>; 4] =
        std::array::from_fn(|rotation| rotated_frame(sums, outputs, rotation));
    for (number, (place, branch)) in stage.branches.iter().zip(&net.branches[index]).enumerate() {
        let gradient = &mut gradient[number];
        let plane = &run.planes[place.input];
        let rc_planes = &run.rc[index][number];
        for (rotation, frame) in frames.iter().enumerate() {
            let offsets = rotated(place.pattern.offsets(), rotation);
            // The source does not learn, nor do the planes of stages that are done.
            let learning = place.input.checked_sub(still);
            let passed = learning.map(|plane| &mut plane_gradients[plane]);
            match (&branch.rc, rc_planes) {
                (Some(rc), Some(rc_planes)) => {
                    let read = &rc_planes[rotation];
                    if gradient.rc.is_empty() && passed.is_none() {
                        add_gradients(&branch.table, read, &offsets, frame, gradient, None);
                        continue;
                    }
                    let (width, height) = read.size();
                    let mut inner = Padded::zeros(width, height, read.margin());
                    let wanted = Some(&mut inner);
                    add_gradients(&branch.table, read, &offsets, frame, gradient, wanted);
                    inner.fold_margin(net.graph.border);
                    let weights = &mut gradient.rc;
                    rc.backward(plane, read, rotation, &mut inner, weights, passed);
                }
                _ => add_gradients(&branch.table, plane, &offsets, frame, gradient, passed),
            }
        }
    }
}

/// The gradient of a rotation's sums, in the order of a table's entries.
fn rotated_frame(sums: &[f32], outputs: usize, rotation: usize) -> Vec<f32> {
    let mut frame = vec![0.0; sums.len()];
    match outputs {
        1 => frame.copy_from_slice(sums),
        4 => permute::<4>(sums, rotation, &mut frame),
        9 => permute::<9>(sums, rotation, &mut frame),
        _ => permute::<16>(sums, rotation, &mut frame),
    }
    frame
}

fn permute<const OUTPUTS: usize>(sums: &[f32], rotation: usize, frame: &mut [f32]) {
    let landing = landing(OUTPUTS, rotation);
    let landing: &[usize; OUTPUTS] = landing.as_slice().try_into().expect("a place for each");
    let (sums, _) = sums.as_chunks::<OUTPUTS>();
    let (frame, _) = frame.as_chunks_mut::<OUTPUTS>();
    for (frame, sums) in frame.iter_mut().zip(sums) {
        *frame = landing.map(|place| sums[place]);
    }
}

/// Adds the gradients of a table's look-ups: of its entries and, if wanted, of the plane that they read.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq", "x86_64+avx2"))]
fn add_gradients(
    table: &Table,
    plane: &Padded,
    offsets: &[Offset],
    sums: &[f32],
    gradient: &mut BranchGradient,
    wanted: Option<&mut Padded>,
) {
    macro_rules! call {
        ($axes:literal, $outputs:literal, $offsets:expr) => {
            add::<$axes, $outputs>(table, plane, $offsets, sums, gradient, wanted)
        };
    }
    match (offsets, table.outputs) {
        (&[a, b, c, d], 1) => call!(4, 1, [a, b, c, d]),
        (&[a, b, c, d], 4) => call!(4, 4, [a, b, c, d]),
        (&[a, b, c, d], 9) => call!(4, 9, [a, b, c, d]),
        (&[a, b, c, d], 16) => call!(4, 16, [a, b, c, d]),
        (&[a], 1) => call!(1, 1, [a]),
        (&[a], 4) => call!(1, 4, [a]),
        (&[a], 9) => call!(1, 9, [a]),
        (&[a], 16) => call!(1, 16, [a]),
        _ => unreachable!("a pattern has 1 or 4 offsets, a table 1, 4, 9 or 16 outputs"),
    }
}

#[inline(always)]
fn add<const AXES: usize, const OUTPUTS: usize>(
    table: &Table,
    plane: &Padded,
    offsets: [Offset; AXES],
    sums: &[f32],
    gradient: &mut BranchGradient,
    mut wanted: Option<&mut Padded>,
) {
    let (width, _) = plane.size();
    let level = 1.0 / (1u32 << table.interval) as f32;
    let (entries, _) = table.entries.as_chunks::<OUTPUTS>();
    let (entry_gradients, _) = gradient.table.as_chunks_mut::<OUTPUTS>();
    let touched = &mut gradient.touched[..];
    let mut cells = Cells::<AXES>::new(table, width);
    let mut products = vec![[[0.0; LANES]; VERTICES]; width];
    for (y, sums) in sums.chunks_exact(width * OUTPUTS).enumerate() {
        cells.place(offsets.map(|offset| plane.row(y, offset)));
        let (sums, _) = sums.as_chunks::<OUTPUTS>();
        for (x, sum) in sums.iter().enumerate() {
            let mut vertex = cells.first(x);
            let mut above = 1.0;
            for step in cells.steps(x) {
                let fraction = step.fraction() * level;
                add_scaled(&mut entry_gradients[vertex], above - fraction, sum);
                touched[vertex] = true;
                above = fraction;
                vertex += step.stride();
            }
            add_scaled(&mut entry_gradients[vertex], above, sum);
            touched[vertex] = true;
        }
        if let Some(wanted) = &mut wanted {
            let starts = offsets.map(|offset| wanted.index(y, offset));
            let out = wanted.data_mut();
            for (x, (sum, products)) in sums.iter().zip(&mut products).enumerate() {
                let mut vertex = cells.first(x);
                products[0] = dot_lanes(sum, &entries[vertex]);
                for (step, products) in cells.steps(x).iter().zip(&mut products[1..]) {
                    vertex += step.stride();
                    *products = dot_lanes(sum, &entries[vertex]);
                }
            }
            for (x, products) in products.iter().enumerate() {
                let mut before = total::<OUTPUTS>(&products[0]);
                for (step, products) in cells.steps(x).iter().zip(&products[1..]) {
                    let after = total::<OUTPUTS>(products);
                    out[starts[step.axis()] + x] += (after - before) * level;
                    before = after;
                }
            }
        }
    }
}

/// A dot product, in partial sums. Adding them up is left for later: here it would keep the compiler from vectors.
#[inline(always)]
fn dot_lanes<const N: usize>(a: &[f32; N], b: &[f32; N]) -> [f32; LANES] {
    let (a, b) = (*a, *b);
    let mut lanes = [0.0; LANES];
    for i in 0..N {
        lanes[i % LANES] += a[i] * b[i];
    }
    lanes
}

/// The sum of the lanes that a product of `N` values has.
#[inline(always)]
fn total<const N: usize>(lanes: &[f32; LANES]) -> f32 {
    lanes.iter().take(N).sum()
}

#[cfg(test)]
mod tests {
    use gstrclut::engine::model::{Border, Graph};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const SIZE: (usize, usize) = (9, 7);

    fn random_net(notation: &str, scale: u32, random: &mut ChaCha8Rng) -> Net {
        let mut net = Net::identity(Graph::parse(notation, scale).unwrap(), 5);
        net.refine(0);
        for branch in net.branches.iter_mut().flatten() {
            for entry in &mut branch.table.entries {
                *entry = random.random_range(-40..40) as f32;
            }
        }
        net
    }

    fn random_levels(random: &mut ChaCha8Rng) -> Vec<f32> {
        (0..SIZE.0 * SIZE.1)
            .map(|_| f32::from(random.random::<u8>()))
            .collect()
    }

    fn weighted_sum(values: &[f32], weights: &[f32]) -> f64 {
        let products = values.iter().zip(weights);
        products
            .map(|(value, weight)| f64::from(*value) * f64::from(*weight))
            .sum()
    }

    /// The output is linear in the last stage's entries, so a finite difference is their gradient exactly.
    #[test]
    fn gradients_by_entries_are_finite_differences() {
        for (notation, scale) in [("s", 2), ("s d ; 3' 5 y@0", 3), ("s ; 3 s@0", 4), ("d", 1)] {
            let mut random = ChaCha8Rng::seed_from_u64(3);
            let mut net = random_net(notation, scale, &mut random);
            let source = random_levels(&mut random);
            let run = forward::run(&net, &source, SIZE);
            let weights: Vec<f32> = run
                .output
                .iter()
                .map(|_| random.random_range(-1.0..1.0))
                .collect();
            let mut gradient = zero_gradient(&net, 0);
            backward(&net, &run, weights.clone(), &mut gradient);
            let before = weighted_sum(&run.output, &weights);
            let last = net.branches.len() - 1;
            for (number, gradient) in gradient[last].iter().enumerate() {
                let outputs = net.branches[last][number].table.outputs;
                let touched = gradient.touched.iter().enumerate();
                let rows = touched.filter(|(_, touched)| **touched).map(|(row, _)| row);
                for entry in rows.step_by(7).map(|row| row * outputs + row % outputs) {
                    net.branches[last][number].table.entries[entry] += 8.0;
                    let after = weighted_sum(&forward::run(&net, &source, SIZE).output, &weights);
                    net.branches[last][number].table.entries[entry] -= 8.0;
                    let difference = (after - before) / 8.0;
                    let found = f64::from(gradient.table[entry]);
                    assert!(
                        (found - difference).abs() < 1e-3,
                        "{notation}: {found} {difference}"
                    );
                }
            }
        }
    }

    /// Look-ups are piecewise linear in their inputs: away from a kink, both one-sided differences are the gradient.
    #[test]
    fn gradients_by_inputs_are_finite_differences() {
        let mut random = ChaCha8Rng::seed_from_u64(4);
        let net = random_net("s ; d@1", 2, &mut random);
        let table = &net.branches[1][0].table;
        let offsets = rotated(net.graph.stages[1].branches[0].pattern.offsets(), 1);
        let levels = random_levels(&mut random);
        let weights: Vec<f32> = (0..levels.len() * 4)
            .map(|_| random.random_range(-1.0..1.0))
            .collect();
        let plane = |levels: &[f32]| Padded::new(levels, SIZE, 2, Border::Edge);
        let value = |levels: &[f32]| {
            let mut sums = vec![0.0; weights.len()];
            forward::add_look_ups(table, &plane(levels), &offsets, &mut sums);
            weighted_sum(&sums, &weights)
        };
        let mut gradient = zero_gradient(&net, 0);
        let mut wanted = Padded::zeros(SIZE.0, SIZE.1, 2);
        let branch = &mut gradient[1][0];
        add_gradients(
            table,
            &plane(&levels),
            &offsets,
            &weights,
            branch,
            Some(&mut wanted),
        );
        wanted.fold_margin(Border::Edge);
        let (found, middle) = (wanted.samples(), value(&levels));
        let mut compared = 0;
        for pixel in 0..levels.len() {
            let moved = |by: f32| {
                let mut levels = levels.clone();
                levels[pixel] = (levels[pixel] + by).clamp(0.0, 255.0);
                value(&levels) - middle
            };
            let (up, down) = (moved(1.0), -moved(-1.0));
            if (up - down).abs() < 1e-4 {
                assert!(
                    (up - f64::from(found[pixel])).abs() < 1e-3,
                    "{up} {}",
                    found[pixel]
                );
                compared += 1;
            }
        }
        assert!(compared > 20, "only {compared} pixels away from kinks");
    }
}
