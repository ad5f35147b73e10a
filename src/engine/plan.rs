//! A model made ready for planes of one depth: the steps of the row pipeline, with their packed tables, and how far each
//! runs ahead of the output.

use std::ops::Range;

use super::{
    cpu::Cpu,
    kernels::{
        finish::{self, Finish},
        point::Point,
        rc,
        simplex::{Folded, Rotated, Table},
        slots,
        unfold::Unfold,
    },
    model::{Border, Branch, Model, Pattern, Stage},
};

/// Steps in the order in which they run for each row.
pub struct Plan {
    pub steps: Vec<Step>,
    pub scale: usize,
    pub border: Border,
    pub depth: u32,
    /// How far from a pixel, in rows and columns, its output depends on the source.
    pub reach: usize,
}

/// One operation of the pipeline. It makes row `y + lead` when the output row is `y`.
pub struct Step {
    pub operation: Operation,
    /// Rows below the output's that are made with it.
    pub lead: usize,
    /// Rows above a band's first that must be made for it.
    pub trail: usize,
    /// Rows above the plane's first that exist.
    pub above: usize,
    /// Rows that must be kept.
    pub rows: usize,
    /// Pixels left and right of a row that are read.
    pub margin: usize,
}

impl Step {
    /// The rows that are made for a band of the output, of a plane of `height` rows.
    #[must_use]
    pub fn rows_for(&self, band: &Range<usize>, height: usize) -> Range<isize> {
        let first = (band.start as isize - self.trail as isize).max(-(self.above as isize));
        first..(band.end + self.lead).min(height) as isize
    }
}

/// What a step does. Planes, maps and folds are counted from 0, each kind by itself.
pub enum Operation {
    /// Copies a row of the source, plane 0.
    Load,
    /// Makes maps: the planes of RC modules, four for each module.
    Rc {
        input: usize,
        modules: rc::Modules,
        map: usize,
    },
    /// Makes a fold: the values of the squares of branches, summed, each of which reads one of the planes.
    Fold {
        inputs: Vec<usize>,
        kernel: Folded,
        unfold: Unfold,
        fold: usize,
    },
    /// Sums the look-ups of a stage's branches and makes its plane, or the output if there is none.
    Stage {
        /// What each part of the sum is the sum of, folds first.
        parts: Vec<Vec<Source>>,
        finish: Finish,
        plane: Option<usize>,
    },
}

/// Where a branch's values come from, or those of several squares together.
pub enum Source {
    Plane {
        plane: usize,
        kernel: Rotated,
    },
    Map {
        map: usize,
        module: usize,
        kernel: Rotated,
    },
    Point {
        map: usize,
        module: usize,
        kernel: Point,
    },
    Fold {
        fold: usize,
        unfold: Unfold,
    },
}

impl Source {
    fn is_fold(&self) -> bool {
        matches!(self, Self::Fold { .. })
    }
}

impl Plan {
    /// Packs a model for planes of `depth` bits and an instruction set that the processor has.
    #[must_use]
    pub fn new(model: &Model, depth: u32, cpu: Cpu) -> Self {
        let mut builder = Builder::new(model, depth, cpu);
        for index in 0..model.graph().stages.len() {
            builder.stage(index);
        }
        builder.schedule();
        Self {
            steps: builder.steps,
            scale: model.scale(),
            border: model.graph().border,
            depth,
            reach: model.graph().receptive_field() as usize / 2,
        }
    }

    /// Rows that a band makes beyond its own, in the step with the most of them.
    #[must_use]
    pub fn halo(&self) -> usize {
        let halos = self.steps.iter().map(|step| step.lead + step.trail);
        halos.max().unwrap_or(0)
    }

    /// Roughly how many processor cycles a pixel of the source costs.
    #[must_use]
    pub fn cycles_per_pixel(&self) -> usize {
        let look_ups = |step: &Step| match &step.operation {
            Operation::Stage { parts, .. } => {
                let sources = parts.iter().flatten();
                sources.filter(|source| !source.is_fold()).count()
            }
            Operation::Fold { inputs, .. } => inputs.len(),
            _ => 0,
        };
        8 * self.steps.iter().map(look_ups).sum::<usize>()
    }
}

/// A row of the step `to` at `y` reads rows `y - above ..= y + below` of the step `from`.
struct Edge {
    from: usize,
    to: usize,
    above: usize,
    below: usize,
}

struct Builder<'a> {
    model: &'a Model,
    depth: u32,
    cpu: Cpu,
    steps: Vec<Step>,
    edges: Vec<Edge>,
    /// The steps that make each plane, map and fold.
    planes: Vec<usize>,
    maps: Vec<usize>,
    folds: Vec<usize>,
}

impl<'a> Builder<'a> {
    fn new(model: &'a Model, depth: u32, cpu: Cpu) -> Self {
        let mut builder = Self {
            model,
            depth,
            cpu,
            steps: Vec::new(),
            edges: Vec::new(),
            planes: vec![0],
            maps: Vec::new(),
            folds: Vec::new(),
        };
        builder.push(Operation::Load, 0);
        builder
    }

    /// Adds a step that makes `above` rows above the plane.
    fn push(&mut self, operation: Operation, above: usize) -> usize {
        self.steps.push(Step {
            operation,
            lead: 0,
            trail: 0,
            above,
            rows: 1,
            margin: 0,
        });
        self.steps.len() - 1
    }

    /// The next step will read `reach` rows and columns around its own of a step's plane.
    fn reads(&mut self, from: usize, reach: usize) {
        self.reads_rows(from, reach, reach);
        let margin = &mut self.steps[from].margin;
        *margin = reach.max(*margin);
    }

    fn reads_rows(&mut self, from: usize, above: usize, below: usize) {
        self.edges.push(Edge {
            from,
            to: self.steps.len(),
            above,
            below,
        });
    }

    fn stage(&mut self, index: usize) {
        let graph = self.model.graph();
        let stage = &graph.stages[index];
        let end = finish::Stage {
            rounding: stage.rounding,
            branches: stage.branches.len(),
            interval: stage.interval,
        };
        let per_sum = match self.depth {
            8 => end.branches_per_sum(),
            _ => end.branches,
        };
        let places = self.rc_steps(index);
        let mut sources = Vec::new();
        for (number, place) in places.into_iter().enumerate() {
            let source = match place {
                Some(place) => Some(self.behind_rc(index, number, place)),
                None => {
                    let first = number / per_sum * per_sum;
                    let summed = first..end.branches.min(first + per_sum);
                    self.on_plane(index, number, summed)
                }
            };
            sources.extend(source.map(|source| (number, source)));
        }
        for (number, source) in &sources {
            self.stage_reads(source, &stage.branches[*number]);
        }
        let groups = end.branches.div_ceil(per_sum);
        let mut parts: Vec<Vec<Source>> = (0..groups).map(|_| Vec::new()).collect();
        sources.sort_by_key(|(_, source)| !source.is_fold());
        for (number, source) in sources {
            parts[number / per_sum].push(source);
        }
        let side = graph.outputs(index).isqrt();
        let last = index + 1 == graph.stages.len();
        let step = Operation::Stage {
            parts,
            finish: Finish::new(&end, groups, side, self.depth, self.cpu),
            plane: (!last).then_some(self.planes.len()),
        };
        let step = self.push(step, 0);
        self.planes.push(step);
    }

    /// One step for all modules of a stage that read the same plane; for each branch behind a module, its map and which
    /// module of it.
    fn rc_steps(&mut self, index: usize) -> Vec<Option<(usize, usize)>> {
        let stage = &self.model.graph().stages[index];
        let mut places = vec![None; stage.branches.len()];
        for input in 0..=index {
            let mut modules = Vec::new();
            let mut reach = 0;
            for (number, branch) in stage.branches.iter().enumerate() {
                let tables = &self.model.tables()[index][number];
                if let (Some(module), Some(tables)) = (&branch.rc, &tables.rc)
                    && branch.input == input
                {
                    places[number] = Some((self.maps.len(), modules.len()));
                    modules.push((module, tables));
                    reach = reach.max(module.reach().unsigned_abs() as usize);
                }
            }
            if !modules.is_empty() {
                self.reads(self.planes[input], reach);
                let map = self.maps.len();
                let operation = Operation::Rc {
                    input,
                    modules: rc::Modules::new(&modules, self.depth, self.cpu),
                    map,
                };
                let step = self.push(operation, 0);
                self.maps.push(step);
            }
        }
        places
    }

    /// The table of a branch. Behind an RC module samples have 8 bits whatever the depth (ARITHMETIC section 5).
    fn table(&self, index: usize, number: usize, behind_rc: bool) -> Table<'a> {
        let graph = self.model.graph();
        let stage: &Stage = &graph.stages[index];
        let deeper = self.depth - 8;
        let (interval, shift) = if behind_rc {
            (stage.interval, deeper)
        } else {
            (stage.interval + deeper, 0)
        };
        Table {
            entries: &self.model.tables()[index][number].table,
            side: graph.outputs(index).isqrt(),
            nodes: stage.nodes(),
            interval,
            shift,
        }
    }

    fn behind_rc(&self, index: usize, number: usize, (map, module): (usize, usize)) -> Source {
        let table = self.table(index, number, true);
        match self.model.graph().stages[index].branches[number].pattern {
            Pattern::Point => Source::Point {
                map,
                module,
                kernel: Point::new(&table, self.cpu),
            },
            Pattern::Simplex(pattern) => Source::Map {
                map,
                module,
                kernel: Rotated::new(&table, pattern, self.cpu),
            },
        }
    }

    /// A branch that reads a plane itself: nothing if it is folded together with one before it. `summed` are the branches
    /// of its part of the sum.
    fn on_plane(&mut self, index: usize, number: usize, summed: Range<usize>) -> Option<Source> {
        let branch = &self.model.graph().stages[index].branches[number];
        let Pattern::Simplex(pattern) = branch.pattern else {
            unreachable!("a valid graph has points behind RC modules only");
        };
        let table = self.table(index, number, false);
        let Some(distance) = Folded::distance(pattern) else {
            return Some(Source::Plane {
                plane: branch.input,
                kernel: Rotated::new(&table, pattern, self.cpu),
            });
        };
        let branches = &self.model.graph().stages[index].branches;
        let alike = |other: &usize| {
            branches[*other].rc.is_none() && branches[*other].pattern == branch.pattern
        };
        let alike: Vec<usize> = summed.filter(alike).collect();
        let mut together = alike.chunks(Folded::tables_at_once(&table, distance, self.cpu));
        let together = together.find(|together| together[0] == number)?;
        Some(self.fold(index, together, distance))
    }

    /// Adds the step that looks up the squares of branches. There are some above the first row, whose bottoms are rows of
    /// the plane; a reflected corner of these is as far below the plane's border as the corner is above it.
    fn fold(&mut self, index: usize, branches: &[usize], distance: usize) -> Source {
        let stage = &self.model.graph().stages[index];
        let inputs = branches.iter().map(|number| stage.branches[*number].input);
        let inputs: Vec<usize> = inputs.collect();
        for input in &inputs {
            let from = self.planes[*input];
            match self.model.graph().border {
                Border::Edge => self.reads_rows(from, 0, distance),
                Border::Reflect => self.reads_rows(from, distance, 2 * distance),
            }
            let margin = &mut self.steps[from].margin;
            *margin = distance.max(*margin);
        }
        let tables = branches
            .iter()
            .map(|number| self.table(index, *number, false));
        let tables: Vec<Table> = tables.collect();
        let fold = self.folds.len();
        let kernel = Folded::new(&tables, distance, self.cpu);
        let unfold = Unfold::new(distance, slots(tables[0].side), kernel.rows(), self.cpu);
        let operation = Operation::Fold {
            inputs,
            kernel,
            unfold,
            fold,
        };
        let step = self.push(operation, distance);
        self.folds.push(step);
        Source::Fold { fold, unfold }
    }

    fn stage_reads(&mut self, source: &Source, branch: &Branch) {
        let pattern = branch.pattern.offsets().iter();
        let reach = pattern.map(|(dy, dx)| dy.abs().max(dx.abs())).max();
        let reach = reach.unwrap_or(0).unsigned_abs() as usize;
        match source {
            Source::Plane { plane, .. } => self.reads(self.planes[*plane], reach),
            Source::Map { map, .. } | Source::Point { map, .. } => {
                self.reads(self.maps[*map], reach);
            }
            Source::Fold { fold, unfold } => {
                self.reads_rows(self.folds[*fold], unfold.distance(), 0);
            }
        }
    }

    /// Lets each step run as far ahead as the steps that read it need, and keep what they still need.
    fn schedule(&mut self) {
        for edge in self.edges.iter().rev() {
            let (lead, trail) = (self.steps[edge.to].lead, self.steps[edge.to].trail);
            let from = &mut self.steps[edge.from];
            from.lead = from.lead.max(lead + edge.below);
            from.trail = from.trail.max(trail + edge.above);
        }
        for edge in &self.edges {
            let lead = self.steps[edge.to].lead;
            let from = &mut self.steps[edge.from];
            from.rows = from.rows.max(from.lead - lead + edge.above + 1);
        }
    }
}
