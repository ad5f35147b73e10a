//! The graph of a model: stages, branches, RC modules and patterns, and the rules that a valid one obeys.
//!
//! SR-LUT, MuLUT and RCLUT differ in their graphs only. Limits are those of docs/model-format.md.

use serde::{Deserialize, Serialize};

use super::ModelError;

/// Largest number of stages in a graph.
pub const MAX_STAGES: usize = 8;
/// Largest number of branches in a stage.
pub const MAX_BRANCHES: usize = 16;
/// Largest RC module, in pixels a side.
pub const MAX_RC_SIZE: u32 = 15;
/// Largest offset of a pattern or of an RC window's origin, in pixels, either sign.
pub const MAX_OFFSET: i32 = 8;
/// Largest scale.
pub const MAX_SCALE: u32 = 4;

/// What the model computes, without its numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graph {
    /// Output pixels a side for each input pixel, 1..=4.
    pub scale: u32,
    /// What a coordinate outside the image reads, in every stage.
    pub border: Border,
    /// The table that mixes red, green and blue before the first stage, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<Connect>,
    /// 1..=8 stages; stage `t` (from 1) makes plane `t`, and plane 0 is the source.
    pub stages: Vec<Stage>,
}

/// A table from the three colours of one pixel to three new ones, with simplex interpolation (ARITHMETIC section 8). Plane 0
/// of every stage is then one of the new colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connect {
    /// Interval bits of the table at 8-bit depth, 3..=6; an axis has `2^(8-interval)+1` nodes.
    pub interval: u32,
}

/// The rule for coordinates outside a plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Border {
    /// The nearest pixel (MuLUT, RCLUT).
    Edge,
    /// Mirrored without repeating the border pixel (the published SR-LUT figures).
    Reflect,
}

/// Branches whose look-ups are summed over four rotations and rounded once (ARITHMETIC section 3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Interval bits of the simplex tables at 8-bit depth, 3..=6; a table axis has `2^(8-interval)+1` nodes.
    pub interval: u32,
    /// How the sum becomes a pixel.
    pub rounding: Rounding,
    /// 1..=16 branches.
    pub branches: Vec<Branch>,
}

/// How a stage's sum becomes a pixel (ARITHMETIC section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rounding {
    /// Mean over branches and rotations, plus 127: entries are signed values around middle grey.
    Mid,
    /// Mean over branches, sum over rotations, no bias: four entries add up to a pixel.
    Last,
}

/// One table and what it reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Branch {
    /// The plane read: 0 is the source, `t` the plane that stage `t` makes.
    pub input: usize,
    /// The module between the plane and the table, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rc: Option<RcModule>,
    /// Which pixels index the table.
    pub pattern: Pattern,
}

/// Where a table's indices come from, relative to the pixel, in the rotated frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Offset>", into = "Vec<Offset>")]
pub enum Pattern {
    /// The pixel itself, read without interpolation from 256 entries. Only behind an RC module.
    Point,
    /// Four pixels, axes a b c d of a 4-D table with simplex interpolation.
    Simplex([Offset; 4]),
}

/// `(dy, dx)`: rows down and columns right of the pixel.
pub type Offset = (i32, i32);

impl Pattern {
    /// The named patterns of ARITHMETIC section 1.
    pub const NAMED: [(char, [Offset; 4]); 7] = [
        ('s', [(0, 0), (0, 1), (1, 0), (1, 1)]),
        ('d', [(0, 0), (0, 2), (2, 0), (2, 2)]),
        ('y', [(0, 0), (1, 1), (1, 2), (2, 1)]),
        ('e', [(0, 0), (0, 3), (3, 0), (3, 3)]),
        ('h', [(0, 0), (2, 2), (2, 3), (3, 2)]),
        ('o', [(0, 0), (2, 2), (1, 3), (3, 1)]),
        ('f', [(0, 0), (0, 4), (4, 0), (4, 4)]),
    ];

    /// The pattern with this letter, if ARITHMETIC section 1 names one.
    #[must_use]
    pub fn named(letter: char) -> Option<Self> {
        let (_, offsets) = Self::NAMED.iter().find(|(name, _)| *name == letter)?;
        Some(Self::Simplex(*offsets))
    }

    /// The letter of this pattern, if it is a named one.
    #[must_use]
    pub fn letter(&self) -> Option<char> {
        match self {
            Self::Point => None,
            Self::Simplex(offsets) => Self::NAMED
                .iter()
                .find(|(_, named)| named == offsets)
                .map(|(letter, _)| *letter),
        }
    }

    /// The offsets: one or four.
    #[must_use]
    pub fn offsets(&self) -> &[Offset] {
        match self {
            Self::Point => &[(0, 0)],
            Self::Simplex(offsets) => offsets,
        }
    }
}

impl TryFrom<Vec<Offset>> for Pattern {
    type Error = String;

    fn try_from(offsets: Vec<Offset>) -> Result<Self, String> {
        match offsets[..] {
            [(0, 0)] => Ok(Self::Point),
            [a, b, c, d] => Ok(Self::Simplex([a, b, c, d])),
            _ => Err(format!(
                "pattern has {} offsets, expected four, or the single offset [0, 0]",
                offsets.len()
            )),
        }
    }
}

impl From<Pattern> for Vec<Offset> {
    fn from(pattern: Pattern) -> Self {
        pattern.offsets().to_vec()
    }
}

/// `N x N` one-dimensional contributions, summed and squashed to 0..=254 (ARITHMETIC section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RcModule {
    /// `N`, 1..=15.
    pub size: u32,
    /// Offset of the window's first row and column, -8..=8; the window must reach no further than 15 pixels.
    pub origin: i32,
    /// Entries in each contribution table: 256, or 17 with linear interpolation.
    pub entries: u32,
    /// Fractional bits `F` of the contributions, 0..=15. For tools: the thresholds already contain it.
    pub fraction_bits: u32,
}

/// One quarter-turn rule: where offset `(dy, dx)` of the rotated frame lies in the unrotated one (ARITHMETIC section 2).
#[must_use]
pub fn rotate_offset(rotation: usize, (dy, dx): Offset) -> Offset {
    match rotation {
        0 => (dy, dx),
        1 => (dx, -dy),
        2 => (-dy, -dx),
        3 => (-dx, dy),
        _ => unreachable!("a rotation is 0..4"),
    }
}

/// Where sub-pixel `(row, column)` of the rotated frame lies in the unrotated one (ARITHMETIC section 2).
#[must_use]
pub fn rotate_sub_pixel(
    rotation: usize,
    (row, column): (usize, usize),
    scale: usize,
) -> (usize, usize) {
    match rotation {
        0 => (row, column),
        1 => (column, scale - 1 - row),
        2 => (scale - 1 - row, scale - 1 - column),
        3 => (scale - 1 - column, row),
        _ => unreachable!("a rotation is 0..4"),
    }
}

impl Stage {
    /// Nodes along an axis of this stage's simplex tables: `2^(8-interval)+1`.
    #[must_use]
    pub fn nodes(&self) -> usize {
        nodes(self.interval)
    }
}

/// Four bits, as the papers' other tables.
impl Default for Connect {
    fn default() -> Self {
        Self { interval: 4 }
    }
}

impl Connect {
    /// Nodes along an axis of the table: `2^(8-interval)+1`.
    #[must_use]
    pub fn nodes(&self) -> usize {
        nodes(self.interval)
    }

    /// Entries of the table, as the shape of its tensor: axes red, green, blue, then the three colours that come out.
    #[must_use]
    pub fn table_shape(&self) -> [usize; 4] {
        let nodes = self.nodes();
        [nodes, nodes, nodes, 3]
    }
}

fn nodes(interval: u32) -> usize {
    (1 << (8 - interval)) + 1
}

impl RcModule {
    /// How far the window reaches from the pixel, in any of the four rotations.
    #[must_use]
    pub fn reach(&self) -> i32 {
        let last = self.origin + self.size as i32 - 1;
        self.origin.abs().max(last.abs())
    }
}

impl Branch {
    /// How far the branch reaches from the pixel on its input plane, RC window and pattern together.
    #[must_use]
    pub fn reach(&self) -> i32 {
        let pattern = self.pattern.offsets().iter();
        let pattern = pattern.map(|(dy, dx)| dy.abs().max(dx.abs())).max();
        pattern.unwrap_or(0) + self.rc.map_or(0, |rc| rc.reach())
    }
}

impl Graph {
    /// Values that stage `index` (from 0) makes for each pixel: 1, or `scale^2` in the last stage.
    #[must_use]
    pub fn outputs(&self, index: usize) -> usize {
        if index + 1 == self.stages.len() {
            (self.scale * self.scale) as usize
        } else {
            1
        }
    }

    /// Entries of the table of a branch in stage `index` (from 0), as the shape of its tensor.
    #[must_use]
    pub fn table_shape(&self, index: usize, branch: &Branch) -> Vec<usize> {
        let outputs = self.outputs(index);
        match branch.pattern {
            Pattern::Point => vec![256, outputs],
            Pattern::Simplex(_) => {
                let nodes = self.stages[index].nodes();
                vec![nodes, nodes, nodes, nodes, outputs]
            }
        }
    }

    /// Side of the square of source pixels that an output pixel depends on.
    #[must_use]
    pub fn receptive_field(&self) -> u32 {
        let mut reach = vec![0i32];
        for stage in &self.stages {
            let branches = stage.branches.iter();
            let furthest = branches.map(|branch| branch.reach() + reach[branch.input]);
            reach.push(furthest.max().unwrap_or(0));
        }
        2 * reach[self.stages.len()].unsigned_abs() + 1
    }

    /// Checks every rule of the format that needs no tensors.
    ///
    /// # Errors
    /// [`ModelError::Invalid`] names the stage, branch and field.
    pub fn validate(&self) -> Result<(), ModelError> {
        within("scale", self.scale, 1, MAX_SCALE)?;
        if let Some(connect) = &self.connect {
            within("connect, interval", connect.interval, 3, 6)?;
        }
        within("stages", self.stages.len(), 1, MAX_STAGES)?;
        for (index, stage) in self.stages.iter().enumerate() {
            let at = format!("stage {}", index + 1);
            within(format!("{at}, interval"), stage.interval, 3, 6)?;
            within(
                format!("{at}, branches"),
                stage.branches.len(),
                1,
                MAX_BRANCHES,
            )?;
            for (number, branch) in stage.branches.iter().enumerate() {
                branch.validate(index, &format!("{at}, branch {}", number + 1))?;
            }
        }
        Ok(())
    }
}

impl Branch {
    fn validate(&self, stage_index: usize, at: &str) -> Result<(), ModelError> {
        if self.input > stage_index {
            return Err(ModelError::invalid(
                format!("{at}, input"),
                format!("plane {}", self.input),
                format!("a plane that exists already, 0..={stage_index}"),
            ));
        }
        for (dy, dx) in self.pattern.offsets() {
            within(format!("{at}, pattern"), *dy, -MAX_OFFSET, MAX_OFFSET)?;
            within(format!("{at}, pattern"), *dx, -MAX_OFFSET, MAX_OFFSET)?;
        }
        match &self.rc {
            Some(rc) => rc.validate(at),
            None if self.pattern == Pattern::Point => Err(ModelError::invalid(
                format!("{at}, pattern"),
                "a one-dimensional table on a plane",
                "an RC module in front of a one-dimensional table",
            )),
            None => Ok(()),
        }
    }
}

impl RcModule {
    fn validate(&self, at: &str) -> Result<(), ModelError> {
        within(format!("{at}, rc size"), self.size, 1, MAX_RC_SIZE)?;
        within(
            format!("{at}, rc origin"),
            self.origin,
            -MAX_OFFSET,
            MAX_OFFSET,
        )?;
        let reach = self.reach();
        within(format!("{at}, rc reach"), reach, 0, MAX_RC_SIZE as i32)?;
        if !matches!(self.entries, 17 | 256) {
            return Err(ModelError::invalid(
                format!("{at}, rc entries"),
                self.entries,
                "17 or 256",
            ));
        }
        within(format!("{at}, rc fraction_bits"), self.fraction_bits, 0, 15)
    }
}

fn within<T: PartialOrd + std::fmt::Display>(
    at: impl Into<String>,
    found: T,
    low: T,
    high: T,
) -> Result<(), ModelError> {
    if found >= low && found <= high {
        return Ok(());
    }
    Err(ModelError::invalid(at, found, format!("{low}..={high}")))
}
