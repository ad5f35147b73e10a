//! Flat areas keep their level: at the end a few entries move by whole units.
//!
//! Over a flat area every axis of a last-stage table reads the same level, so only its diagonal entries count, and what
//! int8 leaves of them may be a level off, at some sub-pixels more than at others: a pattern that shows on a clear sky and
//! makes ramps fall. Photographs weigh that little. With `o_l` the output at level `l`, this makes least
//!
//! ```text
//! sum over levels and sub-pixels of (o_l - l)^2  +  RELUCTANCE * sum over entries of (T - T_trained)^2
//! ```
//!
//! by moving one entry at a time by one unit while that helps.

use super::{
    forward::{self, Activations, landing},
    net::Net,
    table::Table,
};

/// Levels of a plane.
const LEVELS: usize = 256;
/// What a unit's distance from the trained entry costs, in squared levels.
const RELUCTANCE: f32 = 0.02;
/// Rounds over all entries, at most; they end when nothing moves.
const ROUNDS: usize = 64;

/// A last-stage table, and what flat areas read of it.
struct Diagonal<'a> {
    table: &'a mut Table,
    /// The entries as they were trained.
    trained: Vec<f32>,
    /// Rows of the table, each with the levels of the areas that read it and its weight there.
    rows: Vec<(usize, Vec<(usize, f32)>)>,
}

/// Moves diagonal entries of the last stage of a network in the numbers of the file.
pub fn keep_flat(net: &mut Net) {
    let last = net.branches.len() - 1;
    let runs = (0..LEVELS).map(|level| forward::run(net, &[level as f32], (1, 1)));
    let runs: Vec<Activations> = runs.collect();
    let outputs = net.graph.outputs(last);
    // By sub-pixel, then by level: how far off the output is.
    let errors = (0..outputs).map(|place| {
        let off = runs.iter().zip(0..);
        off.map(|(run, level)| run.output[place] - level as f32)
            .collect()
    });
    let mut errors: Vec<Vec<f32>> = errors.collect();
    let average = net.ending(last).average;
    let landings: Vec<_> = (0..4).map(|rotation| landing(outputs, rotation)).collect();
    let mut diagonals = diagonals(net, &runs);
    for _ in 0..ROUNDS {
        let mut has_moved = false;
        for diagonal in &mut diagonals {
            has_moved |= diagonal.improve(&mut errors, &landings, average);
        }
        if !has_moved {
            break;
        }
    }
}

/// The diagonals of the last stage's tables. `runs` are those of flat areas of all levels.
fn diagonals<'a>(net: &'a mut Net, runs: &[Activations]) -> Vec<Diagonal<'a>> {
    let last = net.branches.len() - 1;
    let branches = net.graph.stages[last].branches.iter();
    let branches = branches.zip(&mut net.branches[last]).enumerate();
    let diagonals = branches.map(|(number, (place, branch))| {
        // Over a flat area the four rotations read the same.
        let read = |run: &Activations| match &run.rc[last][number] {
            Some(planes) => planes[0].samples()[0],
            None => run.planes[place.input].samples()[0],
        };
        let levels: Vec<usize> = runs.iter().map(|run| read(run) as usize).collect();
        Diagonal {
            trained: branch.table.entries.clone(),
            rows: readers(&branch.table, &levels),
            table: &mut branch.table,
        }
    });
    diagonals.collect()
}

impl Diagonal<'_> {
    /// Moves each entry by a unit where that helps; whether one has moved.
    fn improve(&mut self, errors: &mut [Vec<f32>], landings: &[Vec<usize>], average: f32) -> bool {
        let mut has_moved = false;
        let outputs = self.table.outputs;
        for (row, levels) in &self.rows {
            for entry in 0..outputs {
                let index = row * outputs + entry;
                let places = landings.iter().map(|landing| landing[entry]);
                let places: Vec<usize> = places.collect();
                let value = &mut self.table.entries[index];
                let from_trained = *value - self.trained[index];
                let step = best_step(errors, &places, levels, average, from_trained);
                if let Some(step) = step
                    && (-128.0..=127.0).contains(&(*value + step))
                {
                    *value += step;
                    add_step(errors, &places, levels, step / average);
                    has_moved = true;
                }
            }
        }
        has_moved
    }
}

/// The diagonal entries of a table that flat areas read, each with the levels of those areas and its weight there.
fn readers(table: &Table, levels: &[usize]) -> Vec<(usize, Vec<(usize, f32)>)> {
    let side = 1usize << table.interval;
    let diagonal: u32 = table.strides().iter().sum();
    let node = |node: usize| {
        let readers = levels.iter().enumerate().filter_map(|(level, read)| {
            let distance = (read.abs_diff(node * side)) as f32 / side as f32;
            (distance < 1.0).then_some((level, 1.0 - distance))
        });
        (node * diagonal as usize, readers.collect::<Vec<_>>())
    };
    let nodes = (0..table.nodes()).map(node);
    nodes.filter(|(_, readers)| !readers.is_empty()).collect()
}

/// The step of an entry, up or down, that makes the sum smaller, if one does. The entry lands on `places` in the four
/// rotations.
fn best_step(
    errors: &[Vec<f32>],
    places: &[usize],
    levels: &[(usize, f32)],
    average: f32,
    from_trained: f32,
) -> Option<f32> {
    // Where two rotations land on the same place, their steps add up.
    let count = |place: usize| places.iter().filter(|other| **other == place).count() as f32;
    let gain = |step: f32| {
        let mut gain = -RELUCTANCE * (2.0 * from_trained * step + step * step);
        for place in places {
            for (level, weight) in levels {
                let by = step * weight * count(*place) / average;
                gain -= (2.0 * errors[*place][*level] * by + by * by) / count(*place);
            }
        }
        gain
    };
    [1.0, -1.0].into_iter().find(|step| gain(*step) > 0.0)
}

fn add_step(errors: &mut [Vec<f32>], places: &[usize], levels: &[(usize, f32)], step: f32) {
    for place in places {
        for (level, weight) in levels {
            errors[*place][*level] += step * weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use gstrclut::engine::model::Graph;

    use super::*;

    fn largest_error(net: &Net) -> f32 {
        let errors = (0..LEVELS).flat_map(|level| {
            let run = forward::run(net, &[level as f32], (1, 1));
            run.output
                .into_iter()
                .map(move |value| (value - level as f32).abs())
        });
        errors.fold(0.0, f32::max)
    }

    #[test]
    fn flat_areas_come_out_at_their_level() {
        for (notation, scale) in [("s", 3), ("s d y ; s@1 d@1 y@0", 4), ("3 s ; s@1 s@0", 2)] {
            let mut net = Net::identity(Graph::parse(notation, scale).unwrap(), 1);
            net.refine(0);
            let last = net.branches.len() - 1;
            for (number, branch) in net.branches[last].iter_mut().enumerate() {
                for (index, entry) in branch.table.entries.iter_mut().enumerate() {
                    *entry += ((index * 7919 + number) % 7) as f32 - 3.0;
                }
            }
            let mut net = net.in_file_numbers();
            let before = largest_error(&net);
            keep_flat(&mut net);
            let after = largest_error(&net);
            assert!(
                before > 1.0 && after < 0.75,
                "{notation}: {before} before, {after} after"
            );
        }
    }
}
