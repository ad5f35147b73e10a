//! The one-line notation of graphs, for command lines, reports and docs.
//!
//! Stages are separated by `;`, branches by spaces. A branch is
//! - a letter of [`Pattern::NAMED`]: a 4-D table on the plane (`s`),
//! - a number: an RC module of that size before a 4-D table, pattern s or the letter that follows (`5`, `5d`),
//! - a number and `'`: an RC module before a 1-D table (`7'`),
//!
//! and reads the plane just before, or plane `k` after `@k`. `s 7 ; d@0 5@0 ; s@1 s@2 s@0` has three stages. `connect ;` in
//! front is a table that mixes the three colours before the first stage: `connect ; s d y ; s d y`, or `connect ; mulut`.

use super::{Border, Branch, Connect, Graph, ModelError, Pattern, RcModule, Rounding, Stage};

/// Graphs that the papers and this project know by name.
pub const PRESETS: [(&str, &str); 3] = [
    ("srlut", "s"),
    ("mulut", "s d y ; s d y"),
    ("rclut", "3 5 7 ; 3' 5 7'"),
];

/// The word for a table that mixes colours.
const CONNECT: &str = "connect";

impl Graph {
    /// A graph from a preset's name or from the notation of this module, with 4-bit intervals, edge borders, RC
    /// windows that start at the pixel, 256 entries and 12 fraction bits.
    ///
    /// # Errors
    /// [`ModelError::Invalid`] names the stage and the word that is not a branch.
    pub fn parse(text: &str, scale: u32) -> Result<Self, ModelError> {
        let (connect, text) = Self::split_connect(text);
        let preset = PRESETS.iter().find(|(name, _)| *name == text.trim());
        let text = preset.map_or(text, |(_, notation)| notation);
        let stages: Vec<&str> = text.split(';').collect();
        let last = stages.len() - 1;
        let stages = stages.iter().enumerate().map(|(index, words)| {
            let branches = words.split_whitespace();
            let branches = branches.map(|word| parse_branch(word, index));
            Ok(Stage {
                interval: 4,
                rounding: if index == last {
                    Rounding::Last
                } else {
                    Rounding::Mid
                },
                branches: branches.collect::<Result<_, ModelError>>()?,
            })
        });
        let graph = Self {
            scale,
            border: Border::Edge,
            connect,
            stages: stages.collect::<Result<_, ModelError>>()?,
        };
        graph.validate()?;
        Ok(graph)
    }

    /// The table in front, if the notation starts with one, and the stages.
    #[must_use]
    pub fn split_connect(text: &str) -> (Option<Connect>, &str) {
        match text.split_once(';') {
            Some((word, stages)) if word.trim() == CONNECT => (Some(Connect::default()), stages),
            _ => (None, text),
        }
    }

    /// The graph in the notation of this module; patterns without a letter appear as their offsets.
    #[must_use]
    pub fn notation(&self) -> String {
        let stages = self.stages.iter().enumerate();
        let stages = stages.map(|(index, stage)| {
            let words = stage.branches.iter();
            let words: Vec<String> = words.map(|branch| branch.notation(index)).collect();
            words.join(" ")
        });
        let connect = self.connect.map(|_| CONNECT.to_owned());
        let parts = connect.into_iter().chain(stages);
        parts.collect::<Vec<_>>().join(" ; ")
    }
}

impl Branch {
    /// The branch in the notation of this module, as it stands in stage `stage_index` (from 0).
    #[must_use]
    pub fn notation(&self, stage_index: usize) -> String {
        let mut word = self.rc.map_or(String::new(), |rc| rc.size.to_string());
        match (self.pattern, self.pattern.letter()) {
            (Pattern::Point, _) => word.push('\''),
            (_, Some('s')) if self.rc.is_some() => {}
            (_, Some(letter)) => word.push(letter),
            (pattern, None) => word.push_str(&format!("{:?}", pattern.offsets()).replace(' ', "")),
        }
        if self.input != stage_index {
            word.push_str(&format!("@{}", self.input));
        }
        word
    }
}

fn parse_branch(word: &str, stage_index: usize) -> Result<Branch, ModelError> {
    let refuse = || {
        ModelError::invalid(
            format!("stage {} of the graph", stage_index + 1),
            format!("`{word}`"),
            "a branch such as `s`, `7`, `5d`, `3'` or `s@0`",
        )
    };
    let (body, input) = match word.split_once('@') {
        Some((body, plane)) => (body, plane.parse().map_err(|_| refuse())?),
        None => (word, stage_index),
    };
    let digits = body
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(body.len());
    let (size, rest) = body.split_at(digits);
    let rc = match size {
        "" => None,
        _ => Some(RcModule {
            size: size.parse().map_err(|_| refuse())?,
            origin: 0,
            entries: 256,
            fraction_bits: 12,
        }),
    };
    let mut letters = rest.chars();
    let pattern = match (letters.next(), letters.next()) {
        (None, None) if rc.is_some() => Pattern::named('s'),
        (Some('\''), None) if rc.is_some() => Some(Pattern::Point),
        (Some(letter), None) => Pattern::named(letter),
        _ => None,
    };
    Ok(Branch {
        input,
        rc,
        pattern: pattern.ok_or_else(refuse)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notation_survives_the_round_trip() {
        for text in [
            "s",
            "s d y ; s d y",
            "3 5 7 ; 3' 5 7'",
            "s 7 ; d@0 5@0 ; y@0 3@0 ; s@1 s@2 s 5d@0 s@0",
            "connect ; s",
        ] {
            assert_eq!(Graph::parse(text, 2).unwrap().notation(), text);
        }
        let preset = Graph::parse("connect ; mulut", 2).unwrap();
        assert_eq!(preset.notation(), "connect ; s d y ; s d y");
    }

    #[test]
    fn a_word_that_is_no_branch_is_named() {
        for word in ["q", "5q", "'", "s@x", "ss", "0", "16", "s@1", "connect"] {
            let error = Graph::parse(word, 2).unwrap_err().to_string();
            assert!(error.contains("stage 1"), "{word}: {error}");
        }
    }
}
