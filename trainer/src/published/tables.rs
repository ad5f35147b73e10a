//! The published `.npy` tables: their names, their shapes, reading and writing.
//!
//! One file holds the table of one branch as int8, `nodes^4` rows of `scale^2` (last stage) or one value:
//!
//! | release | name | shape |
//! |---|---|---|
//! | SR-LUT | `Model_S_x2_4bit_int8.npy` | (83521, 1, scale, scale) |
//! | MuLUT | `LUT_x4_4bit_int8_s1_s.npy`, fine-tuned `LUT_ft_x4_4bit_int8_s1_s.npy` | (83521, outputs) |

use std::{
    fs::{self, File},
    io::BufReader,
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use npyz::{NpyFile, Order};

/// What a published name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedName {
    /// Output pixels a side for each input pixel.
    pub scale: u32,
    /// Interval bits.
    pub interval: u32,
    /// The stage, from 1.
    pub stage: usize,
    /// The branch, in the graph notation: a pattern's letter.
    pub branch: String,
}

impl PublishedName {
    /// What a file name says, if it has one of the published forms.
    #[must_use]
    pub fn parse(file_name: &str) -> Option<Self> {
        let stem = file_name.strip_suffix(".npy")?;
        let words: Vec<&str> = stem.split('_').collect();
        let (numbers, stage, branch) = match words[..] {
            ["Model", branch, x, bits, "int8"] => ([x, bits], 1, branch.to_lowercase()),
            ["LUT", x, bits, "int8", stage, branch]
            | ["LUT", "ft", x, bits, "int8", stage, branch] => (
                [x, bits],
                stage.strip_prefix('s')?.parse().ok()?,
                branch.to_owned(),
            ),
            _ => return None,
        };
        Some(Self {
            scale: numbers[0].strip_prefix('x')?.parse().ok()?,
            interval: numbers[1].strip_suffix("bit")?.parse().ok()?,
            stage,
            branch,
        })
    }
}

/// Whose names and shapes to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Release {
    /// `Model_S_x2_4bit_int8.npy`; a single stage with a single branch.
    Srlut,
    /// `LUT_ft_x4_4bit_int8_s1_s.npy`.
    Mulut,
}

impl Release {
    /// The name of a branch's file.
    #[must_use]
    pub fn file_name(self, name: &PublishedName) -> String {
        let PublishedName {
            scale,
            interval,
            stage,
            branch,
        } = name;
        match self {
            Self::Srlut => format!(
                "Model_{}_x{scale}_{interval}bit_int8.npy",
                branch.to_uppercase()
            ),
            Self::Mulut => format!("LUT_ft_x{scale}_{interval}bit_int8_s{stage}_{branch}.npy"),
        }
    }

    /// The shape of the table of a last stage at `scale`, or of an earlier one with one output.
    #[must_use]
    pub fn shape(self, rows: u64, outputs: u64) -> Vec<u64> {
        match self {
            Self::Srlut => vec![rows, 1, outputs.isqrt(), outputs.isqrt()],
            Self::Mulut => vec![rows, outputs],
        }
    }
}

/// A table as it lies in a file.
#[derive(Debug)]
pub struct Table {
    /// `nodes^4`.
    pub rows: usize,
    /// Values in a row.
    pub outputs: usize,
    /// Row by row.
    pub entries: Vec<i8>,
}

impl Table {
    /// Reads a table. The first axis is the rows; all others together are the outputs.
    ///
    /// # Errors
    /// If the file is not int8 in C order; the message names it, what was found and what was expected.
    pub fn read(path: &Path) -> Result<Self> {
        let at = || format!("table {}", path.display());
        let file = BufReader::new(File::open(path).with_context(at)?);
        let file = NpyFile::new(file)
            .context("expected a .npy file")
            .with_context(at)?;
        let header = file.header();
        let dtype = header.dtype().descr();
        ensure!(
            dtype.trim_matches('\'') == "|i1",
            "{}: found dtype {dtype}, expected int8 ('|i1')",
            at()
        );
        ensure!(
            header.order() == Order::C,
            "{}: found Fortran order, expected C order",
            at()
        );
        let Some((&rows, rest)) = header.shape().split_first() else {
            bail!("{}: found a scalar, expected an array of rows", at());
        };
        let (rows, outputs) = (rows as usize, rest.iter().product::<u64>() as usize);
        let entries = file.into_vec().with_context(at)?;
        Ok(Self {
            rows,
            outputs,
            entries,
        })
    }

    /// The interval bits 3..=6 of a 4-D table with this many rows.
    #[must_use]
    pub fn interval(&self) -> Option<u32> {
        (3..=6).find(|interval| ((1usize << (8 - interval)) + 1).pow(4) == self.rows)
    }
}

/// Writes a table in the shape given.
///
/// The header is numpy's own, version 1.0, to the byte (npyz's differs by a comma), so that an exported file equals the
/// imported one as a whole.
///
/// # Errors
/// If the file cannot be written; the message names it.
pub fn write_table(path: &Path, shape: &[u64], entries: &[i8]) -> Result<()> {
    let shape: Vec<String> = shape.iter().map(u64::to_string).collect();
    let dictionary = format!(
        "{{'descr': '|i1', 'fortran_order': False, 'shape': ({}), }}",
        shape.join(", ")
    );
    // Magic, version, length and dictionary fill 128 bytes, the last of them a line break.
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend(format!("{dictionary:<117}\n").bytes());
    bytes.extend(entries.iter().map(|entry| entry.cast_unsigned()));
    fs::write(path, bytes).with_context(|| format!("table {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(scale: u32, stage: usize, branch: &str) -> PublishedName {
        PublishedName {
            scale,
            interval: 4,
            stage,
            branch: branch.to_owned(),
        }
    }

    #[test]
    fn published_names_are_understood() {
        for (text, expected) in [
            ("LUT_ft_x4_4bit_int8_s1_s.npy", Some(name(4, 1, "s"))),
            ("LUT_x3_4bit_int8_s2_y.npy", Some(name(3, 2, "y"))),
            ("Model_S_x2_4bit_int8.npy", Some(name(2, 1, "s"))),
            ("LUT_ft_x4_4bit_int8_s1_s.npz", None),
            ("LUT_4bit_int8_s1_s.npy", None),
            ("table.npy", None),
        ] {
            assert_eq!(PublishedName::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn written_names_are_read_back() {
        for (release, name) in [
            (Release::Srlut, name(2, 1, "s")),
            (Release::Mulut, name(4, 2, "y")),
        ] {
            assert_eq!(PublishedName::parse(&release.file_name(&name)), Some(name));
        }
    }

    #[test]
    fn a_written_table_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.npy");
        let entries: Vec<i8> = (-128..=127).cycle().take(625 * 4).collect();
        write_table(&path, &[625, 1, 2, 2], &entries).unwrap();
        let table = Table::read(&path).unwrap();
        assert_eq!(
            (table.rows, table.outputs, table.interval()),
            (625, 4, Some(6))
        );
        assert_eq!(table.entries, entries);
        assert_eq!(fs::metadata(&path).unwrap().len(), 128 + 2500);
    }

    #[test]
    fn a_table_of_another_type_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("floats.npy");
        npyz::to_file_1d(&path, [1.0f32]).unwrap();
        let error = format!("{:#}", Table::read(&path).unwrap_err());
        assert!(
            error.contains("floats.npy") && error.contains("<f4") && error.contains("int8"),
            "{error}"
        );
    }
}
