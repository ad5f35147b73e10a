//! What SR-LUT and MuLUT publish: tables as `.npy` files, networks as checkpoints.

mod tables;
mod unit;

pub use tables::{PublishedName, Release, Table, write_table};
pub use unit::tables_of_networks;
