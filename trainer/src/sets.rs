//! Benchmark sets: which folders hold them.
//!
//! A set is a folder of images, or a folder with the images in `HR` and, if they are there, their low-resolution
//! versions in `LR_bicubic/XS`, as the papers' benchmark folders are laid out.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{
    evaluate::{PairFiles, find_pairs},
    image,
};

/// A named list of images to measure on.
#[derive(Clone, Debug)]
pub struct Set {
    /// The folder's name.
    pub name: String,
    /// Its images.
    pub pairs: Vec<PairFiles>,
}

/// The sets in a folder: the folder itself if it is one, otherwise every folder in it that is.
///
/// # Errors
/// If there is no set, or a set lacks the low-resolution version of an image; the message names the folder.
pub fn find_sets(folder: &Path, scale: usize) -> Result<Vec<Set>> {
    if let Some(set) = as_set(folder, scale)? {
        return Ok(vec![set]);
    }
    let context = || format!("folder {}", folder.display());
    let mut sets = Vec::new();
    for entry in fs::read_dir(folder).with_context(context)? {
        let path = entry.with_context(context)?.path();
        if path.is_dir() {
            sets.extend(as_set(&path, scale)?);
        }
    }
    sets.sort_by(|a, b| a.name.cmp(&b.name));
    if sets.is_empty() {
        // The folder is no set: say what a set needs.
        image::list(folder)?;
    }
    Ok(sets)
}

fn as_set(folder: &Path, scale: usize) -> Result<Option<Set>> {
    let inner = folder.join("HR");
    let high: PathBuf = if inner.is_dir() {
        inner
    } else {
        folder.to_owned()
    };
    if image::list(&high).is_err() {
        return Ok(None);
    }
    let low = folder.join("LR_bicubic").join(format!("X{scale}"));
    let pairs = find_pairs(&high, low.is_dir().then_some(low.as_path()), scale)?;
    let mut named = folder;
    if folder.file_name().is_some_and(|name| name == "HR") {
        named = folder.parent().unwrap_or(folder);
    }
    let name = named.canonicalize().unwrap_or_else(|_| named.to_owned());
    let name = name
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok(Some(Set { name, pairs }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{bicubic::Rounding, evaluate::Protocol, image::Image};

    fn write(path: PathBuf, side: usize, sample: u8) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let planes = vec![vec![sample; side * side]];
        Image {
            width: side,
            height: side,
            planes,
        }
        .save_png(path)
        .unwrap();
    }

    #[test]
    fn plain_folders_and_benchmark_folders_are_sets() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        write(at("plain/a.png"), 8, 1);
        write(at("SetA/HR/a.png"), 8, 1);
        write(at("SetA/LR_bicubic/X2/a.png"), 4, 99);
        fs::create_dir(at("empty")).unwrap();

        let names = |folder: &str, scale| -> Vec<String> {
            find_sets(&at(folder), scale)
                .unwrap()
                .into_iter()
                .map(|set| set.name)
                .collect()
        };
        assert_eq!(names(".", 2), ["SetA", "plain"]);
        assert_eq!(names("plain", 2), ["plain"]);
        assert_eq!(names("SetA/HR", 2), ["SetA"]);
        assert!(
            find_sets(&at("empty"), 2)
                .unwrap_err()
                .to_string()
                .contains("found no image")
        );

        let protocol = Protocol {
            scale: 2,
            rounding: Rounding::EachPass,
            keep_size: false,
        };
        let set = &find_sets(&at("SetA"), 2).unwrap()[0];
        assert_eq!(
            set.pairs[0].load(&protocol).unwrap().low.planes[0],
            [99; 16]
        );
    }
}
