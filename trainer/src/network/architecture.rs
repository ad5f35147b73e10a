//! What a network is, without its weights: a graph and the size and kind of what stands for its tables.

use std::fmt;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use gstrclut::engine::model::{Graph, PRESETS};
use serde::{Deserialize, Serialize};

use super::connect::COLOURS;

/// The letter of a pattern whose offsets are learned.
const LEARNED: char = 'j';
/// Most hidden features of a layer; bounds what a file can make us allocate.
const MOST_FEATURES: i64 = 1024;
/// Networks that the RC-LUT paper plugs its modules into, beside the presets of the graph: 5x5 for pattern s, 7x7 for d
/// and 3x3 for y.
const RC_PRESETS: [(&str, &str); 2] = [("rc-srlut", "5"), ("rc-mulut", "5 7 3 ; 5 7 3")];

/// What stands for a table while it is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Block {
    /// Each hidden layer sees all layers before it (`DenseConv`; MuLUT, RC-LUT).
    Dense,
    /// Each hidden layer sees the one before it (`ActConv`; SR-LUT).
    Plain,
}

/// What stands between the two linear layers of an RC module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum RcActivation {
    /// Nothing: the module is an affine convolution.
    None,
    /// ReLU: the module's one-dimensional tables are curved.
    Relu,
}

/// What keeps a unit's output in -1..=1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// The hyperbolic tangent (MuLUT, RC-LUT).
    #[default]
    Tanh,
    /// Values beyond are cut off (SR-LUT's release).
    Clamp,
}

/// What a network is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// The graph of the model that the network becomes.
    pub graph: Graph,
    /// Hidden features of a layer (`nf`), at least 1.
    pub features: i64,
    pub block: Block,
    #[serde(default)]
    pub bound: Bound,
    pub rc_activation: RcActivation,
    /// Stage and branch, from 0, of the branches whose offsets are learned.
    pub learned: Vec<(usize, usize)>,
}

/// `stages` times the same modes, as a graph's notation: `sdy`, 2 is `s d y ; s d y`.
///
/// # Errors
/// If there are no modes.
pub fn notation(modes: &str, stages: usize) -> Result<String> {
    ensure!(
        !modes.is_empty(),
        "modes: found none, expected letters such as `sdy`"
    );
    let letters: Vec<String> = modes.chars().map(String::from).collect();
    Ok(vec![letters.join(" "); stages].join(" ; "))
}

impl Architecture {
    /// From a preset's name, or a graph in the notation of the model format with `j` for a pattern to be learned.
    ///
    /// # Errors
    /// If the text is neither; the message names the word.
    pub fn parse(text: &str, scale: u32) -> Result<Self> {
        let (connect, text) = Graph::split_connect(text);
        let text = text.trim();
        let preset = RC_PRESETS.iter().find(|(name, _)| *name == text);
        let notation = preset.map_or(text, |(_, notation)| notation);
        let mut graph =
            Graph::parse(&notation.replace(LEARNED, "s"), scale).with_context(|| {
                let names = PRESETS.iter().chain(&RC_PRESETS).map(|(name, _)| *name);
                format!(
                    "graph `{text}` (presets: {})",
                    names.collect::<Vec<_>>().join(", ")
                )
            })?;
        graph.connect = connect;
        let learned = notation.split(';').enumerate().flat_map(|(stage, words)| {
            let branches = words.split_whitespace().enumerate();
            let learned = branches.filter(|(_, word)| word.contains(LEARNED));
            learned.map(move |(branch, _)| (stage, branch))
        });
        let block = if text == "srlut" || text == "rc-srlut" {
            Block::Plain
        } else {
            Block::Dense
        };
        Ok(Self {
            learned: learned.collect(),
            graph,
            features: 64,
            block,
            bound: Bound::Tanh,
            rc_activation: RcActivation::None,
        })
    }

    /// Checks the graph and the number of features.
    ///
    /// # Errors
    /// The message names what was found and what was expected.
    pub fn validate(&self) -> Result<()> {
        self.graph.validate()?;
        // Colours are passed on from the start, by a feature each.
        let least = self.graph.connect.map_or(1, |_| COLOURS);
        ensure!(
            (least..=MOST_FEATURES).contains(&self.features),
            "features: found {}, expected {least}..={MOST_FEATURES}",
            self.features
        );
        Ok(())
    }

    /// Whether the offsets of a branch are learned.
    #[must_use]
    pub fn is_learned(&self, stage: usize, branch: usize) -> bool {
        self.learned.contains(&(stage, branch))
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            graph,
            features,
            block,
            bound,
            rc_activation,
            learned,
        } = self;
        let (notation, scale) = (graph.notation(), graph.scale);
        write!(
            f,
            "{notation} x{scale}, {features} features, {block:?} blocks, RC activation {rc_activation:?}"
        )?;
        if *bound == Bound::Clamp {
            write!(f, ", outputs cut off")?;
        }
        for (stage, branch) in learned {
            write!(
                f,
                ", offsets of stage {} branch {} learned",
                stage + 1,
                branch + 1
            )?;
        }
        Ok(())
    }
}
