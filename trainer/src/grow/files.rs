//! Files that are whole or not there at all.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// Writes a file beside its place and renames it there when it is whole and on the disk: whatever stops the program,
/// the place holds the old file or the new one.
///
/// # Errors
/// If the disk is full or the folder cannot be written; what was there before stays.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let partial = with_suffix(path, ".partial");
    let write = || {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().with_context(|| {
        // Nothing more can be done if even this fails.
        let _ = fs::remove_file(&partial);
        format!("cannot write {} ({} bytes)", path.display(), bytes.len())
    })
}

/// The path with something added to its name.
#[must_use]
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
