//! `import`: published tables or networks to a model file.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context, Result, bail, ensure};
use gstrclut::engine::{
    Model,
    model::{Border, BranchTables, Graph, Info},
};

use crate::{
    checkpoint,
    published::{self, PublishedName, Table},
};

/// Make a model file from published tables or networks.
///
/// Files with the names that SR-LUT and MuLUT publish (`Model_S_x2_4bit_int8.npy`, `LUT_x4_4bit_int8_s1_s.npy`,
/// `LUT_ft_x4_4bit_int8_s1_s.npy`) find their place by themselves; any other is given as STAGE.BRANCH=FILE.
/// A PyTorch checkpoint (`.pth`, a whole module or a state dictionary) of SR-LUT or MuLUT is evaluated on the grid of the
/// tables; nothing in it is executed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  rclut-trainer import --graph mulut --scale 4 -o mulut-x4.safetensors LUT_ft_x4_4bit_int8_s?_?.npy
  rclut-trainer import --graph mulut --scale 4 -o mulut-x4.safetensors Model_200000.pth
  rclut-trainer import --graph 's ; s d' --scale 2 -o own.safetensors 1.s=first.npy 2.s=a.npy 2.d=b.npy")]
pub struct Args {
    /// `srlut`, `mulut`, or a graph such as `s d y ; s d y`
    #[arg(long)]
    graph: String,
    /// Output pixels a side for each input pixel
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4))]
    scale: u32,
    /// The model file to write
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// What a coordinate outside the image reads [default: reflect for `srlut`, as published; edge otherwise]
    #[arg(long, value_enum)]
    border: Option<BorderName>,
    /// The model's name [default: the output file's]
    #[arg(long)]
    name: Option<String>,
    /// The licence of the tables, an SPDX expression or plain words
    #[arg(long, default_value = "not stated")]
    licence: String,
    /// A table by its place, the branch written as in the graph: `--table 1.s=FILE`
    #[arg(long, value_name = "STAGE.BRANCH=FILE")]
    table: Vec<PlacedFile>,
    /// Interval bits of the tables read out of a checkpoint
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(3..=6))]
    interval: u32,
    /// Write the networks of a .pth checkpoint as a checkpoint that `convert` reads and `train --init` starts from
    #[cfg(feature = "torch")]
    #[arg(long, conflicts_with_all = ["table", "interval", "border"])]
    network: bool,
    /// Tables with published names, STAGE.BRANCH=FILE, or one .pth checkpoint
    #[arg(value_name = "FILES")]
    files: Vec<String>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum BorderName {
    Edge,
    Reflect,
}

/// A file and the branch that it belongs to.
#[derive(Clone, Debug)]
struct PlacedFile {
    stage: usize,
    branch: String,
    path: PathBuf,
    /// What the file's own name says.
    published: Option<PublishedName>,
}

impl FromStr for PlacedFile {
    type Err = anyhow::Error;

    /// `STAGE.BRANCH=FILE`, or a file with a published name.
    fn from_str(text: &str) -> Result<Self> {
        if let Some((place, path)) = text.split_once('=')
            && let Some((stage, branch)) = place.split_once('.')
            && let Ok(stage) = stage.parse()
        {
            return Ok(Self {
                stage,
                branch: branch.to_owned(),
                path: path.into(),
                published: None,
            });
        }
        let path = PathBuf::from(text);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let Some(name) = PublishedName::parse(&name) else {
            bail!(
                "table {text}: the name is not a published one such as `LUT_ft_x4_4bit_int8_s1_s.npy` or \
                 `Model_S_x2_4bit_int8.npy`; give its place, as in `1.s={text}`"
            );
        };
        Ok(Self {
            stage: name.stage,
            branch: name.branch.clone(),
            path,
            published: Some(name),
        })
    }
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        let mut graph = Graph::parse(&self.graph, self.scale)
            .with_context(|| format!("graph `{}`", self.graph))?;
        ensure!(
            graph.connect.is_none(),
            "graph `{}`: expected one that does not mix colours, which no published file holds",
            self.graph
        );
        graph.border = match (self.border, self.graph.as_str()) {
            (Some(BorderName::Reflect), _) | (None, "srlut") => Border::Reflect,
            _ => Border::Edge,
        };
        #[cfg(feature = "torch")]
        if self.network {
            return self.import_network(graph);
        }
        let tables = match &self.files[..] {
            [file] if self.table.is_empty() && is_checkpoint(file) => {
                self.read_networks(&mut graph, file.as_ref())?
            }
            _ => self.read_tables(&mut graph)?,
        };
        let model = Model::new(self.info(), graph, tables)?;
        model.save(&self.output)?;
        let notation = model.graph().notation();
        println!("{}: {notation} at x{}", self.output.display(), self.scale);
        Ok(())
    }

    /// Our networks know one border: edges are repeated.
    #[cfg(feature = "torch")]
    fn import_network(&self, mut graph: Graph) -> Result<()> {
        use crate::train::{
            checkpoint::{Description, save},
            task::Task,
        };
        let [file] = &self.files[..] else {
            bail!(
                "--network: found {} files, expected one .pth checkpoint",
                self.files.len()
            );
        };
        graph.border = Border::Edge;
        let network = published::network_of(&checkpoint::read(Path::new(file))?, &graph);
        let network = network.with_context(|| format!("checkpoint {file}"))?;
        let architecture = network.architecture().clone();
        println!("{}: {architecture}", self.output.display());
        let description = Description::new(architecture, Task::Sr, format!("imported from {file}"));
        save(&self.output, &description, &network, &[])
    }

    /// The tables that a checkpoint's networks make at the interval asked for.
    fn read_networks(&self, graph: &mut Graph, path: &Path) -> Result<Vec<Vec<BranchTables>>> {
        for stage in &mut graph.stages {
            stage.interval = self.interval;
        }
        let tables = published::tables_of_networks(&checkpoint::read(path)?, graph);
        tables.with_context(|| format!("checkpoint {}", path.display()))
    }

    /// The tables in files, whose rows say their interval.
    fn read_tables(&self, graph: &mut Graph) -> Result<Vec<Vec<BranchTables>>> {
        let mut files = self.placed_files()?;
        let mut tables = Vec::new();
        for index in 0..graph.stages.len() {
            let (interval, stage) = read_stage(graph, index, &mut files)?;
            graph.stages[index].interval = interval;
            tables.push(stage);
        }
        if let Some(stray) = files.first() {
            bail!(
                "{stray}: no such branch, or a second file for it, in graph `{}`",
                graph.notation()
            );
        }
        Ok(tables)
    }

    /// Every file given, after the scale in its name is the one asked for.
    fn placed_files(&self) -> Result<Vec<PlacedFile>> {
        let mut files = self.table.clone();
        for text in &self.files {
            files.push(text.parse()?);
        }
        for file in &files {
            if let Some(PublishedName { scale, .. }) = file.published {
                ensure!(
                    scale == self.scale,
                    "{file}: found scale {scale} in its name, expected {}",
                    self.scale
                );
            }
        }
        Ok(files)
    }

    fn info(&self) -> Info {
        let stem = self
            .output
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy();
        let files = self
            .table
            .iter()
            .map(|file| file.path.display().to_string());
        let files: Vec<String> = files.chain(self.files.iter().cloned()).collect();
        let provenance = [("imported".to_owned(), files.into())];
        Info {
            name: self.name.clone().unwrap_or_else(|| stem.into_owned()),
            licence: self.licence.clone(),
            provenance: provenance.into_iter().collect(),
        }
    }
}

fn is_checkpoint(file: &str) -> bool {
    Path::new(file)
        .extension()
        .is_some_and(|extension| extension == "pth" || extension == "pt")
}

/// The interval and the tables of one stage; the files used are taken out of the list.
fn read_stage(
    graph: &Graph,
    index: usize,
    files: &mut Vec<PlacedFile>,
) -> Result<(u32, Vec<BranchTables>)> {
    let mut interval = None;
    let mut tables = Vec::new();
    for branch in &graph.stages[index].branches {
        let word = branch.notation(index);
        let place = format!("stage {}, branch {word}", index + 1);
        ensure!(
            branch.rc.is_none(),
            "{place}: the published tables have no RC modules, expected none"
        );
        let file = files
            .iter()
            .position(|file| file.stage == index + 1 && file.branch == word);
        let file = file.with_context(|| format!("{place}: found no file, expected one"))?;
        let file = files.remove(file);
        let (found, entries) = file.read(graph.outputs(index))?;
        let expected = *interval.get_or_insert(found);
        ensure!(
            found == expected,
            "{file}: found an interval of {found} bits, expected {expected} as in the stage's first table"
        );
        tables.push(BranchTables {
            table: entries,
            rc: None,
        });
    }
    let interval = interval.with_context(|| format!("stage {}: no branches", index + 1))?;
    Ok((interval, tables))
}

impl PlacedFile {
    /// The interval bits and entries of the table.
    fn read(&self, outputs: usize) -> Result<(u32, Vec<i8>)> {
        let table = Table::read(&self.path)?;
        let shape = || format!("{} rows of {}", table.rows, table.outputs);
        let interval = table.interval().with_context(|| {
            format!(
                "{self}: found {}, expected nodes^4 rows of {outputs}: 83521 at 4 bits",
                shape()
            )
        })?;
        ensure!(
            table.outputs == outputs,
            "{self}: found {}, expected {outputs} values a row",
            shape()
        );
        if let Some(PublishedName {
            interval: named, ..
        }) = self.published
        {
            ensure!(
                named == interval,
                "{self}: found {} rows, an interval of {interval} bits, expected {named} as in its name",
                table.rows
            );
        }
        Ok((interval, table.entries))
    }
}

impl fmt::Display for PlacedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "table {} (stage {}, branch {})",
            self.path.display(),
            self.stage,
            self.branch
        )
    }
}
