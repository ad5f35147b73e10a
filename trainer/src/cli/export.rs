//! `export`: a model's tables to `.npy` files with the published names and shapes.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::find_model;
use crate::published::{PublishedName, Release, write_table};

/// Write a model's tables as the .npy files that SR-LUT or MuLUT publish, bit for bit what `import` read.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  rclut-trainer export --model mulut-x4.safetensors -o tables")]
pub struct Args {
    /// Built-in family (with --scale), built-in model (`rclut-x2`) or .safetensors file
    #[arg(long, value_name = "NAME|FILE")]
    model: String,
    /// Output pixels a side for each input pixel, for a family's name
    #[arg(long)]
    scale: Option<u32>,
    /// Folder to write to
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Whose names and shapes to use [default: `srlut` for a single branch, `mulut` otherwise]
    #[arg(long, value_enum)]
    release: Option<Release>,
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        let model = find_model(&self.model, self.scale)?;
        let graph = model.graph();
        ensure!(
            graph.connect.is_none(),
            "model {}: found graph `{}`, expected one that does not mix colours: the published files have no place for that",
            self.model,
            graph.notation()
        );
        let single = graph.stages.len() == 1 && graph.stages[0].branches.len() == 1;
        let release = match self.release {
            Some(Release::Srlut) if !single => bail!(
                "model {}: found graph `{}`, expected a single branch for SR-LUT's names",
                self.model,
                graph.notation()
            ),
            Some(release) => release,
            None if single => Release::Srlut,
            None => Release::Mulut,
        };
        let folder = &self.output;
        fs::create_dir_all(folder).with_context(|| format!("folder {}", folder.display()))?;
        for (index, (stage, tables)) in graph.stages.iter().zip(model.tables()).enumerate() {
            for (branch, tables) in stage.branches.iter().zip(tables) {
                let word = branch.notation(index);
                ensure!(
                    branch.rc.is_none(),
                    "model {}: stage {}, branch {word} has an RC module, expected none: the published files have no \
                     place for it",
                    self.model,
                    index + 1
                );
                let name = PublishedName {
                    scale: graph.scale,
                    interval: stage.interval,
                    stage: index + 1,
                    branch: word,
                };
                let outputs = graph.outputs(index);
                let shape = release.shape((tables.table.len() / outputs) as u64, outputs as u64);
                let path = folder.join(release.file_name(&name));
                write_table(&path, &shape, &tables.table)?;
                println!("{}", path.display());
            }
        }
        Ok(())
    }
}
