//! Flat areas keep their level and ramps do not fall: at the end a few entries of a stage move by whole units.
//!
//! What int8 leaves of a table may be a level off, at some sub-pixels more than at others: a pattern that shows on a clear
//! sky. Photographs weigh that little. With the stages before as they are, a stage's output is linear in its
//! entries, so what a unit does to flat areas of all levels and to ramps is known without running the network again. With
//! `o` the outputs, unrounded, and `[o]` as a picture or plane holds them, this makes least
//!
//! ```text
//!   sum over flat areas of (o - level)^2
//! + sum over entries of (RELUCTANCE + PHOTOGRAPHS * usage) (T - T_trained)^2
//! + OFF * number of flat areas with |[o] - level| > 1
//! + FALL * sum over neighbours on a ramp with [o] > [o_next] of 1 + max(0, o - o_next)^2
//! + slack * sum over all neighbours on a ramp of max(0, o - o_next)^2
//! ```
//!
//! by moving one entry at a time by one unit while that helps. The planes between stages have no level to keep, so of them the
//! two sums over flat areas are left out. `slack` is the least of `SLACKS` with which nothing falls;
//! if none will do, for a plane before may fall already, it is 0.
//!
//! - `pictures`: the flat areas and ramps, and which entries their pixels read.
//! - `usage`: how much photographs use an entry.
//! - `descent`: the moves.

mod descent;
mod pictures;
mod usage;

use super::net::Net;
use descent::Descent;
pub use usage::Usage;

/// What a squared level of a fall that rounding hides may cost, in squared levels. It costs PSNR, up to
/// 0.04 dB on Set5 at 0.5.
const SLACKS: [f32; 2] = [0.0, 0.5];

/// What flat areas of all levels and ramps come out as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levelness {
    /// How many levels a flat area is off at most.
    pub flat_error: f32,
    /// Neighbours on a ramp that fall where they should rise.
    pub falls: usize,
    /// Entries that are not what they were.
    pub moved: usize,
}

/// Moves entries of stage `stage` (from 0) of a network in the numbers of the file, and says what became of it.
pub fn level(net: &mut Net, stage: usize, usage: &Usage) -> Levelness {
    let runs = pictures::runs(net);
    let reads = pictures::reads(net, stage, &runs);
    let levelled = |slack: f32| {
        let mut levelled = net.clone();
        let mut descent = Descent::new(&mut levelled, stage, &reads, usage);
        descent.run(&reads, slack);
        let levelness = descent.levelness();
        (levelled, levelness)
    };
    let mut tries = SLACKS.map(levelled).into_iter();
    let first = tries.next().expect("there are slacks");
    let (best, levelness) = match first.1.falls {
        0 => first,
        _ => tries
            .find(|(_, levelness)| levelness.falls == 0)
            .unwrap_or(first),
    };
    *net = best;
    levelness
}

#[cfg(test)]
mod tests {
    use gstrclut::engine::model::Graph;

    use super::*;
    use crate::grow::forward::{self, to_level};

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
            let usage = Usage::unknown(&net, last);
            let levelness = level(&mut net, last, &usage);
            assert!(
                levelness.flat_error <= 1.0 && levelness.moved > 0,
                "{notation}: {levelness:?}"
            );
            assert_eq!(levelness.falls, 0, "{notation}");
            assert_eq!([1, 2, 4].map(|run| falls(&net, run)), [0; 3], "{notation}");
        }
    }

    #[test]
    fn what_is_level_stays() {
        let mut net = Net::identity(Graph::parse("s", 2).unwrap(), 1);
        net.refine(0);
        let mut net = net.in_file_numbers();
        let usage = Usage::unknown(&net, 0);
        level(&mut net, 0, &usage);
        let once = net.clone();
        assert_eq!(level(&mut net, 0, &usage).moved, 0);
        assert_eq!(
            net.to_model(Default::default()).unwrap().to_bytes(),
            once.to_model(Default::default()).unwrap().to_bytes()
        );
    }
}
