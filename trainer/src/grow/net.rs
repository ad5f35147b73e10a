//! The network that grows: a graph of the format with real numbers in its tables.

use anyhow::{Result, ensure};
use gstrclut::engine::model::{
    self, BranchTables, Graph, Info, Model, ModelError, Pattern, Rounding, Stage,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{
    forward::round,
    rc::{Rc, State},
    table::Table,
};

/// Interval bits of the grid that a simplex table starts on: five nodes an axis.
pub const COARSEST: u32 = 6;
/// Interval bits of the grid that a 1-D table starts on.
const COARSEST_POINT: u32 = 2;
/// Largest weight, either side, that breaks the symmetry of RC modules at the start.
const JITTER: f32 = 0.03;

/// A graph and its numbers.
#[derive(Clone, Debug)]
pub struct Net {
    pub graph: Graph,
    /// By stage and branch as in the graph.
    pub branches: Vec<Vec<Branch>>,
}

/// The numbers of one branch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Branch {
    pub table: Table,
    pub rc: Option<Rc>,
}

/// How a stage's sum becomes a pixel (ARITHMETIC section 3): `sum / average + bias`.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    pub average: f32,
    pub bias: f32,
}

impl Net {
    /// A network on the coarsest grids that computes, nearly, the nearest neighbour.
    #[must_use]
    pub fn identity(graph: Graph, seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut jitter = || random.random_range(-JITTER..JITTER);
        let stages = graph.stages.iter().enumerate().map(|(index, stage)| {
            let branches = stage.branches.iter().map(|branch| {
                let is_simplex = branch.pattern != Pattern::Point;
                let interval = if is_simplex { COARSEST } else { COARSEST_POINT };
                Branch {
                    table: identity_table(&graph, index, branch, interval),
                    rc: branch.rc.map(|rc| Rc::pass_through(rc, &mut jitter)),
                }
            });
            branches.collect()
        });
        Self {
            branches: stages.collect(),
            graph,
        }
    }

    /// The table that branch `number` of stage `index` starts from, on the grid that it has by now.
    #[must_use]
    pub fn starting_table(&self, index: usize, number: usize) -> Table {
        let branch = &self.graph.stages[index].branches[number];
        let interval = self.branches[index][number].table.interval;
        identity_table(&self.graph, index, branch, interval)
    }

    /// Checks that a graph is one whose tables can be trained here, on one plane at a time.
    ///
    /// # Errors
    /// If it mixes colours; the message says what does train such a graph.
    pub fn takes(graph: &Graph) -> Result<()> {
        ensure!(
            graph.connect.is_none(),
            "graph `{}`: its tables cannot be grown, tuned or levelled, which works on one plane at a time, since it mixes \
             colours; `train` and `convert` make such models",
            graph.notation()
        );
        Ok(())
    }

    /// The network of a finished model, of a graph that it takes.
    #[must_use]
    pub fn from_model(model: &Model) -> Self {
        let graph = model.graph().clone();
        let stages = graph.stages.iter().zip(model.tables()).enumerate();
        let stages = stages.map(|(index, (stage, tables))| {
            let branches = stage.branches.iter().zip(tables).map(|(branch, tables)| {
                let outputs = graph.outputs(index);
                let mut entries: Vec<f32> = tables.table.iter().map(|v| f32::from(*v)).collect();
                let axes = branch.pattern.offsets().len();
                if axes == 1 {
                    // The grid's node 256, which the file does not hold and no level reads.
                    entries.extend_from_within(255 * outputs..);
                }
                let interval = if axes == 4 { stage.interval } else { 0 };
                let rc = branch.rc.zip(tables.rc.clone());
                Branch {
                    table: Table {
                        axes,
                        interval,
                        outputs,
                        entries,
                    },
                    rc: rc.map(|(module, tables)| Rc::from_tables(module, tables)),
                }
            });
            branches.collect()
        });
        Self {
            branches: stages.collect(),
            graph: graph.clone(),
        }
    }

    /// The finished model: entries rounded to 8 bits, RC modules in fixed point.
    ///
    /// # Errors
    /// [`ModelError`] if the graph breaks a rule of the format.
    ///
    /// # Panics
    /// If the grids are not as fine as the graph asks.
    pub fn to_model(&self, info: Info) -> Result<Model, ModelError> {
        let mut graph = self.graph.clone();
        let mut tables = Vec::new();
        for (index, branches) in self.branches.iter().enumerate() {
            let mut stage = Vec::new();
            for (number, branch) in branches.iter().enumerate() {
                let place = &mut graph.stages[index].branches[number];
                let rc = branch.rc.as_ref().map(|rc| {
                    let rc = rc.fixed();
                    place.rc = Some(rc.module);
                    match rc.state {
                        State::Fixed(fixed) => fixed.to_tables(),
                        _ => unreachable!("a fixed module does not learn"),
                    }
                });
                let place = place.clone();
                let count = graph.table_shape(index, &place).iter().product();
                let table = branch.table.entries.iter().map(|entry| to_i8(*entry) as i8);
                stage.push(BranchTables {
                    table: table.take(count).collect(),
                    rc,
                });
            }
            tables.push(stage);
        }
        Model::new(info, graph, tables)
    }

    /// How stage `index` (from 0) ends.
    #[must_use]
    pub fn ending(&self, index: usize) -> Ending {
        let branches = self.branches[index].len() as f32;
        match self.graph.stages[index].rounding {
            Rounding::Mid => Ending {
                average: 4.0 * branches,
                bias: 127.0,
            },
            Rounding::Last => Ending {
                average: branches,
                bias: 0.0,
            },
        }
    }

    /// How wide a margin the branches read around plane `plane`.
    #[must_use]
    pub fn margin(&self, plane: usize) -> usize {
        let branches = self.graph.stages.iter().flat_map(|stage| &stage.branches);
        let readers = branches.filter(|branch| branch.input == plane);
        // Behind an RC module the pattern reads the plane R, which has its own margin.
        let reach = readers.map(|branch| match branch.rc {
            Some(rc) => rc.reach(),
            None => pattern_reach(branch.pattern) as i32,
        });
        reach.max().unwrap_or(0) as usize
    }

    /// Whether every table has reached the grid of its stage.
    #[must_use]
    pub fn is_finest(&self) -> bool {
        let stages = self.graph.stages.iter().zip(&self.branches);
        stages.into_iter().all(|(stage, branches)| {
            branches.iter().all(|branch| match branch.table.axes {
                4 => branch.table.interval == stage.interval,
                _ => branch.table.interval == 0,
            })
        })
    }

    /// Brings every simplex table to a grid of `interval` bits or its stage's, whichever is coarser, and 1-D tables along
    /// with them; changes no output.
    pub fn refine(&mut self, interval: u32) {
        for (stage, branches) in self.graph.stages.iter().zip(&mut self.branches) {
            for branch in branches {
                let wanted = wanted_interval(stage, &branch.table, interval);
                while branch.table.interval > wanted {
                    branch.table = branch.table.refined();
                }
            }
        }
    }

    /// Whether [`Net::refine`] would change any table.
    #[must_use]
    pub fn is_coarser_than(&self, interval: u32) -> bool {
        let mut stages = self.graph.stages.iter().zip(&self.branches);
        stages.any(|(stage, branches)| {
            let mut tables = branches.iter().map(|branch| &branch.table);
            tables.any(|table| table.interval > wanted_interval(stage, table, interval))
        })
    }

    /// The network with RC modules whose weights learn: straight lines stay straight, unless they are to bend.
    #[must_use]
    pub fn learning(&self, bend: bool) -> Self {
        let mut net = self.clone();
        for rc in net
            .branches
            .iter_mut()
            .flatten()
            .filter_map(|branch| branch.rc.as_mut())
        {
            *rc = if bend {
                rc.learning_curves()
            } else {
                rc.learning()
            };
        }
        net
    }

    /// Brings the RC modules to the fixed point of the file, where they learn no more.
    pub fn fix_modules(&mut self) {
        for branch in self.branches.iter_mut().flatten() {
            branch.rc = branch.rc.as_ref().map(Rc::fixed);
        }
    }

    /// The network in the numbers of the file: entries rounded to 8 bits, RC modules in fixed point.
    #[must_use]
    pub fn in_file_numbers(&self) -> Self {
        let mut net = self.clone();
        for branch in net.branches.iter_mut().flatten() {
            let entries = branch.table.entries.iter_mut();
            entries.for_each(|entry| *entry = to_i8(*entry));
        }
        net.fix_modules();
        net
    }
}

/// The interval bits of a table when simplex tables are to have `interval`.
fn wanted_interval(stage: &Stage, table: &Table, interval: u32) -> u32 {
    let wanted = interval.max(stage.interval);
    match table.axes {
        4 => wanted,
        _ => (wanted - stage.interval).min(COARSEST_POINT),
    }
}

/// The table that passes on the first pixel of its pattern, or of the window of the RC module before it.
fn identity_table(graph: &Graph, index: usize, branch: &model::Branch, interval: u32) -> Table {
    let entry = |level: usize| {
        let pixel = match branch.rc {
            Some(_) => Rc::unsquashed(level as f32),
            None => level.min(255) as f32,
        };
        match graph.stages[index].rounding {
            Rounding::Mid => pixel - 127.0,
            // The four rotations add up.
            Rounding::Last => pixel / 4.0,
        }
    };
    let axes = branch.pattern.offsets().len();
    Table::from_first_axis(axes, interval, graph.outputs(index), entry)
}

/// How far a pattern reaches from its pixel.
#[must_use]
pub fn pattern_reach(pattern: Pattern) -> usize {
    let offsets = pattern.offsets().iter();
    let reach = offsets.map(|(dy, dx)| dy.unsigned_abs().max(dx.unsigned_abs()));
    reach.max().unwrap_or(0) as usize
}

/// An entry as the file holds it.
#[inline(always)]
#[must_use]
pub fn to_i8(entry: f32) -> f32 {
    round(entry.clamp(-128.0, 127.0))
}
