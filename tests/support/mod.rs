//! What several test binaries share.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod archive;
pub mod document;
#[cfg(feature = "plugin")]
pub mod frames;
pub mod model_file;
#[cfg(feature = "plugin")]
pub mod oracle;
#[cfg(feature = "plugin")]
pub mod plugin;
pub mod shipped;
pub mod tables;
#[cfg(feature = "plugin")]
pub mod work_clock;
