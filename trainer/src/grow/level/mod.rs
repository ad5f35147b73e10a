//! The entries of a trained stage become whole numbers: together, so that what they come out as stays what was trained, flat
//! areas keep their level and ramps do not fall.
//!
//! On smooth areas all four rotations read the same entries, whose rounding errors add up: to a loss on photographs, and to
//! levels that are off at some sub-pixels more than at others, a pattern that shows on a clear sky. With the stages
//! before as they are, a stage's output is linear in its entries, so what a unit does to photographs, to flat areas of
//! all levels and to ramps is known without running the network again. With `o` the outputs, unrounded, `o_trained` those of
//! the entries before they are rounded, and `[o]` as a picture or plane holds them, this makes least
//!
//! ```text
//!   PHOTOGRAPHS * mean over pixels of photographs of (o - o_trained)^2
//! + RELUCTANCE * sum over entries of (T - T_trained)^2
//! + sum over flat areas of (o - level)^2
//! + OFF * number of flat areas with |[o] - level| > 1
//! + sum over neighbours on a ramp with [o] > [o_next] of FALL * (1 + max(0, o - o_next)^2)
//! ```
//!
//! by moving one entry at a time by one unit while that helps. The planes between stages have no level to keep, so of them the
//! two sums over flat areas are left out. Where the last stage's ramps still fall or flat areas are off, that costs more and
//! more until none does or is, without regard to photographs. If there is no end to it, for a plane before may fall already,
//! or if photographs pay too much, the entries go back to what they were at the first prices.
//!
//! - `pictures`: the flat areas and ramps, and which entries their pixels read.
//! - `photographs`: which entries pixels of photographs read.
//! - `descent`: the moves.

mod descent;
mod photographs;
mod pictures;

use super::net::Net;
use descent::Descent;
pub use photographs::Photographs;

/// What flat areas of all levels and ramps come out as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levelness {
    /// How many levels a flat area is off at most.
    pub flat_error: f32,
    /// Neighbours on a ramp that fall where they should rise.
    pub falls: usize,
    /// Entries that are not what they are nearest to.
    pub moved: usize,
}

/// Brings the entries of stage `stage` (from 0) of a network, whose earlier stages are final, to the whole numbers of the
/// file, and says what became of it.
pub fn level(net: &mut Net, stage: usize, photographs: &Photographs) -> Levelness {
    let runs = pictures::runs(net);
    let reads = pictures::reads(net, stage, &runs);
    let mut descent = Descent::new(net, stage, &reads, photographs);
    descent.run();
    descent.levelness()
}

#[cfg(test)]
mod tests {
    use gstrclut::engine::model::Graph;

    use super::*;
    use crate::grow::{
        forward::{self, to_level},
        patches::Patch,
    };

    /// A network with some entries of its last stage spoiled.
    fn spoiled(notation: &str, scale: u32) -> Net {
        let mut net = Net::identity(Graph::parse(notation, scale).unwrap(), 1);
        net.refine(0);
        let last = net.branches.len() - 1;
        for (number, branch) in net.branches[last].iter_mut().enumerate() {
            for (index, entry) in branch.table.entries.iter_mut().enumerate() {
                *entry += ((index * 7919 + number) % 3) as f32 - 1.0;
            }
        }
        net.in_file_numbers()
    }

    /// The rows that a ramp rising by a level every `run` pixels becomes, laid flat: falls from a pixel to the next.
    fn falls(net: &Net, run: usize) -> usize {
        let ramp: Vec<f32> = (0..256 * run).map(|x| (x / run) as f32).collect();
        let output = forward::run(net, &ramp, (ramp.len(), 1)).output;
        let side = net.graph.scale as usize;
        let row = |row: usize| {
            let pixels = output.chunks_exact(side * side);
            let row = pixels.flat_map(move |pixel| &pixel[row * side..][..side]);
            row.map(|value| to_level(*value)).collect::<Vec<_>>()
        };
        let rows = (0..side).flat_map(|index| {
            row(index)
                .windows(2)
                .map(|pair| pair[0] > pair[1])
                .collect::<Vec<_>>()
        });
        rows.filter(|falls| *falls).count()
    }

    #[test]
    fn flat_areas_come_out_at_their_level_and_ramps_rise() {
        for (notation, scale) in [("s", 3), ("s d y ; s@1 d@1 y@0", 4), ("3 s ; s@1 s@0", 2)] {
            let mut net = spoiled(notation, scale);
            assert!(
                [1, 2, 4].iter().any(|run| falls(&net, *run) > 0),
                "{notation} is not spoiled"
            );
            let last = net.branches.len() - 1;
            let photographs = Photographs::none(&net, last);
            let levelness = level(&mut net, last, &photographs);
            assert!(
                levelness.flat_error <= 1.0 && levelness.moved > 0,
                "{notation}: {levelness:?}"
            );
            assert_eq!(levelness.falls, 0, "{notation}");
            assert_eq!([1, 2, 4].map(|run| falls(&net, run)), [0; 3], "{notation}");
        }
    }

    /// What photographs come out as, against the network before: mean square.
    fn deviation(net: &Net, before: &Net, patches: &[Patch], crop: usize) -> f32 {
        let squares = patches.iter().map(|patch| {
            let run = |net| forward::run(net, &patch.source, (crop, crop)).output;
            let pairs = run(net).into_iter().zip(run(before));
            pairs.map(|(one, other)| (one - other).powi(2)).sum::<f32>()
        });
        squares.sum::<f32>() / (patches.len() * crop * crop * net.graph.outputs(0)) as f32
    }

    #[test]
    fn entries_rounded_together_keep_photographs_nearer() {
        const CROP: usize = 24;
        for scale in [2, 3] {
            let mut net = Net::identity(Graph::parse("s", scale).unwrap(), 1);
            net.refine(0);
            let entries = net.branches[0][0].table.entries.iter_mut().enumerate();
            entries.for_each(|(index, entry)| *entry += (index * 7919 % 97) as f32 / 97.0 - 0.5);
            // Gentle waves: neighbouring pixels read the same entries.
            let patches: Vec<_> = (0..8)
                .map(|number| {
                    let level = |at: usize| {
                        let (y, x) = ((at / CROP) as f32, (at % CROP) as f32);
                        let wave = (0.1 * x + number as f32).sin() + (0.13 * y).cos();
                        (127.0 + 60.0 * wave).round()
                    };
                    Patch {
                        source: (0..CROP * CROP).map(level).collect(),
                        target: Vec::new(),
                    }
                })
                .collect();
            let photographs = Photographs::of(&net, 0, &patches, CROP);
            let mut together = net.clone();
            level(&mut together, 0, &photographs);
            let entries = together.branches[0][0].table.entries.iter();
            assert!(entries.clone().all(|entry| entry.fract() == 0.0));
            let one_by_one = net.in_file_numbers();
            let [together, one_by_one] =
                [together, one_by_one].map(|rounded| deviation(&rounded, &net, &patches, CROP));
            assert!(
                together < 0.75 * one_by_one,
                "x{scale}: {together} together, {one_by_one} one by one"
            );
        }
    }

    #[test]
    fn what_is_level_stays() {
        let mut net = Net::identity(Graph::parse("s", 2).unwrap(), 1);
        net.refine(0);
        let mut net = net.in_file_numbers();
        let photographs = Photographs::none(&net, 0);
        level(&mut net, 0, &photographs);
        let once = net.clone();
        assert_eq!(level(&mut net, 0, &photographs).moved, 0);
        assert_eq!(
            net.to_model(Default::default()).unwrap().to_bytes(),
            once.to_model(Default::default()).unwrap().to_bytes()
        );
    }
}
