//! A record as SVG.

pub mod quality;
pub mod speed;
