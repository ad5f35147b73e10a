//! What SR-LUT and MuLUT publish: tables as `.npy` files, networks as checkpoints.

#[cfg(feature = "torch")]
mod network;
mod tables;
mod unit;

#[cfg(feature = "torch")]
pub use network::network_of;
pub use tables::{PublishedName, Release, Table, write_table};
pub use unit::tables_of_networks;
