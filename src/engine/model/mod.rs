//! What a model is: a graph, its tables, and where they came from.

mod builtin;
mod container;
mod error;
mod file;
mod graph;
mod installed;
mod notation;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use container::{MAX_FILE_BYTES, MAX_HEADER_BYTES};
pub use error::ModelError;
pub use file::FORMAT_VERSION;
pub use graph::{
    Border, Branch, Connect, Graph, MAX_BRANCHES, MAX_OFFSET, MAX_RC_SIZE, MAX_SCALE, MAX_STAGES,
    Offset, Pattern, RcModule, Rounding, Stage, rotate_offset, rotate_sub_pixel,
};
pub use installed::FOLDERS_VARIABLE;
pub use notation::PRESETS;

/// Thresholds of an RC module's squash: R is the number of them that the sum reaches, 0..=254.
pub const THRESHOLDS: usize = 254;

/// A graph with its tables, checked as a whole: whoever holds one can run it.
#[derive(Clone)]
pub struct Model {
    info: Info,
    graph: Graph,
    tables: Tables,
}

/// What a model says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Info {
    /// The model's name, such as `rclut-x2`.
    pub name: String,
    /// SPDX expression or plain words.
    pub licence: String,
    /// Where the tables came from: data, command, seed, figures. Free form; never interpreted.
    #[serde(default)]
    pub provenance: serde_json::Map<String, serde_json::Value>,
}

/// The numbers of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// [`Connect::table_shape`] entries, last axis fastest. Present exactly if the graph has a [`Graph::connect`].
    pub connect: Option<Vec<i8>>,
    /// By stage and branch as in the graph.
    pub stages: Vec<Vec<BranchTables>>,
}

/// Of a graph that does not mix colours.
impl From<Vec<Vec<BranchTables>>> for Tables {
    fn from(stages: Vec<Vec<BranchTables>>) -> Self {
        Self {
            connect: None,
            stages,
        }
    }
}

/// The numbers of one branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchTables {
    /// [`Graph::table_shape`] entries, last axis fastest. The last axis is the outputs: entry `u*scale+v` is sub-pixel
    /// row `u`, column `v`.
    pub table: Vec<i8>,
    /// Present exactly if the branch has an RC module.
    pub rc: Option<RcTables>,
}

/// The numbers of an RC module (ARITHMETIC section 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RcTables {
    /// `size * size * entries` contributions in fixed point; position `i*size+j` is window row `i`, column `j`.
    pub contributions: Vec<i16>,
    /// [`THRESHOLDS`] sums, ascending. With 17 entries they carry four more fraction bits.
    pub thresholds: Vec<i32>,
}

impl Model {
    /// Joins a graph and its tables; those of a graph that does not mix colours are one list of branches for each stage.
    ///
    /// # Errors
    /// [`ModelError::Invalid`] if the graph breaks a rule of the format or a table does not fit it.
    pub fn new(info: Info, graph: Graph, tables: impl Into<Tables>) -> Result<Self, ModelError> {
        graph.validate()?;
        let model = Self {
            info,
            graph,
            tables: tables.into(),
        };
        model.validate_tables()?;
        Ok(model)
    }

    /// What the model says of itself.
    #[must_use]
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// The model's graph.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The tables of each branch, by stage and branch as in the graph.
    #[must_use]
    pub fn tables(&self) -> &[Vec<BranchTables>] {
        &self.tables.stages
    }

    /// The entries of the table that mixes red, green and blue, if the model has one.
    #[must_use]
    pub fn connect(&self) -> Option<&[i8]> {
        self.tables.connect.as_deref()
    }

    /// Output pixels a side for each input pixel, 1..=4.
    #[must_use]
    pub fn scale(&self) -> usize {
        self.graph.scale as usize
    }

    fn validate_tables(&self) -> Result<(), ModelError> {
        let entries = self
            .graph
            .connect
            .map_or(0, |connect| connect.table_shape().iter().product::<usize>());
        let found = self.connect().map_or(0, <[i8]>::len);
        expect_len(CONNECT_TABLE.to_owned(), found, entries)?;
        let stages = self.graph.stages.len();
        if self.tables().len() != stages {
            let found = format!("tables for {} stages", self.tables().len());
            return Err(ModelError::invalid("tables", found, stages.to_string()));
        }
        for (index, (stage, tables)) in self.graph.stages.iter().zip(self.tables()).enumerate() {
            let branches = stage.branches.len();
            if tables.len() != branches {
                let at = format!("stage {}", index + 1);
                let found = format!("tables for {} branches", tables.len());
                return Err(ModelError::invalid(at, found, branches.to_string()));
            }
            for (number, (branch, tables)) in stage.branches.iter().zip(tables).enumerate() {
                let name = TensorName::new(index, number);
                tables.validate(branch, &self.graph.table_shape(index, branch), name)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("name", &self.info.name)
            .field("scale", &self.graph.scale)
            .field("graph", &self.graph.notation())
            .finish_non_exhaustive()
    }
}

/// Name of the tensor that mixes colours.
const CONNECT_TABLE: &str = "connect.table";

/// Names of a branch's tensors in the file; stages and branches count from 1.
#[derive(Clone, Copy)]
struct TensorName {
    stage: usize,
    branch: usize,
}

impl TensorName {
    fn new(stage_index: usize, branch_index: usize) -> Self {
        Self {
            stage: stage_index + 1,
            branch: branch_index + 1,
        }
    }

    fn table(self) -> String {
        format!("stage{}.branch{}.table", self.stage, self.branch)
    }

    fn contributions(self) -> String {
        let Self { stage, branch } = self;
        format!("stage{stage}.branch{branch}.rc.contributions")
    }

    fn thresholds(self) -> String {
        format!("stage{}.branch{}.rc.thresholds", self.stage, self.branch)
    }
}

impl BranchTables {
    fn validate(
        &self,
        branch: &Branch,
        table_shape: &[usize],
        name: TensorName,
    ) -> Result<(), ModelError> {
        expect_len(name.table(), self.table.len(), table_shape.iter().product())?;
        match (&branch.rc, &self.rc) {
            (None, None) => Ok(()),
            (Some(module), Some(tables)) => tables.validate(module, name),
            (module, tables) => {
                let present = |is| if is { "an RC module" } else { "no RC module" };
                Err(ModelError::invalid(
                    name.contributions(),
                    present(tables.is_some()),
                    present(module.is_some()),
                ))
            }
        }
    }
}

impl RcTables {
    fn validate(&self, module: &RcModule, name: TensorName) -> Result<(), ModelError> {
        let contributions = (module.size * module.size * module.entries) as usize;
        expect_len(
            name.contributions(),
            self.contributions.len(),
            contributions,
        )?;
        expect_len(name.thresholds(), self.thresholds.len(), THRESHOLDS)?;
        let fall = self
            .thresholds
            .windows(2)
            .position(|pair| pair[0] > pair[1]);
        match fall {
            None => Ok(()),
            Some(at) => Err(ModelError::invalid(
                name.thresholds(),
                format!(
                    "{} before {} at index {at}",
                    self.thresholds[at],
                    self.thresholds[at + 1]
                ),
                "thresholds in ascending order",
            )),
        }
    }
}

fn expect_len(name: String, found: usize, expected: usize) -> Result<(), ModelError> {
    if found == expected {
        return Ok(());
    }
    let found = format!("{found} values");
    Err(ModelError::invalid(
        name,
        found,
        format!("{expected} values"),
    ))
}
