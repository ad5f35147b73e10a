//! `inspect`: what a model is and what it costs.

use anyhow::Result;
use gstrclut::engine::{
    Model,
    model::{Branch, BranchTables, Graph, Pattern},
};

use super::find_model;

/// Show a model's graph, sizes, receptive field, operations per pixel and metadata.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  rclut-trainer inspect rclut-x2")]
pub struct Args {
    /// Built-in family (with --scale), built-in model (`rclut-x2`) or .safetensors file
    #[arg(value_name = "NAME|FILE")]
    model: String,
    /// Output pixels a side for each input pixel, for a family's name
    #[arg(long)]
    scale: Option<u32>,
}

/// What a branch does for each source pixel, over its four rotations, written as plainly as the papers count it.
#[derive(Default)]
struct Cost {
    look_ups: usize,
    operations: usize,
}

/// Entries that simplex interpolation reads.
const SIMPLEX_VERTICES: usize = 5;
/// Entries of the table that mixes colours, for each of them.
const COLOUR_VERTICES: usize = 4;
const ROTATIONS: usize = 4;

impl Cost {
    fn of(graph: &Graph, stage_index: usize, branch: &Branch) -> Self {
        let outputs = graph.outputs(stage_index);
        let entries = match branch.pattern {
            Pattern::Point => 1,
            Pattern::Simplex(_) => SIMPLEX_VERTICES,
        };
        // An output costs a multiplication and an addition for each entry, an RC position one addition.
        let positions = branch.rc.map_or(0, |rc| (rc.size * rc.size) as usize);
        Self {
            look_ups: ROTATIONS * (entries + positions),
            operations: ROTATIONS * (2 * entries * outputs + positions),
        }
    }
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        let model = find_model(&self.model, self.scale)?;
        print_head(&model);
        print_branches(&model);
        let provenance = &model.info().provenance;
        if !provenance.is_empty() {
            println!("\nprovenance");
            println!("{}", serde_json::to_string_pretty(provenance)?);
        }
        Ok(())
    }
}

fn print_head(model: &Model) {
    let (graph, info) = (model.graph(), model.info());
    let intervals = graph.stages.iter().map(|stage| stage.interval.to_string());
    let field = graph.receptive_field();
    println!("name             {}", info.name);
    println!("licence          {}", info.licence);
    println!("scale            {}", graph.scale);
    println!("graph            {}", graph.notation());
    println!(
        "border           {}",
        format!("{:?}", graph.border).to_lowercase()
    );
    println!(
        "interval bits    {}",
        intervals.collect::<Vec<_>>().join(" ")
    );
    println!("receptive field  {field}x{field}");
    println!("file size        {} bytes", model.to_bytes().len());
}

fn print_branches(model: &Model) {
    let graph = model.graph();
    println!("\nstage branch  tables (bytes)  look-ups/px  operations/px");
    let mut total = Cost::default();
    let mut total_bytes = 0;
    if let Some(table) = model.connect() {
        // For each colour, as the stages are counted.
        let (look_ups, operations) = (COLOUR_VERTICES, 2 * COLOUR_VERTICES);
        let bytes = table.len();
        println!(
            "{:<5} {:<8} {bytes:>14} {look_ups:>12} {operations:>14}",
            "-", "connect"
        );
        total = Cost {
            look_ups,
            operations,
        };
        total_bytes = bytes;
    }
    for (index, (stage, tables)) in graph.stages.iter().zip(model.tables()).enumerate() {
        for (branch, tables) in stage.branches.iter().zip(tables) {
            let cost = Cost::of(graph, index, branch);
            let bytes = table_bytes(tables);
            let word = branch.notation(index);
            let Cost {
                look_ups,
                operations,
            } = cost;
            println!(
                "{:<5} {word:<8} {bytes:>14} {look_ups:>12} {operations:>14}",
                index + 1
            );
            total.look_ups += look_ups;
            total.operations += operations;
            total_bytes += bytes;
        }
    }
    let Cost {
        look_ups,
        operations,
    } = total;
    println!(
        "{:<14} {total_bytes:>14} {look_ups:>12} {operations:>14}",
        "all"
    );
    println!(
        "px: pixel of the source; the engine folds and packs, so it does less than this counts"
    );
}

fn table_bytes(tables: &BranchTables) -> usize {
    let rc = tables.rc.as_ref();
    tables.table.len()
        + rc.map_or(0, |rc| {
            size_of_val(&rc.contributions[..]) + size_of_val(&rc.thresholds[..])
        })
}
