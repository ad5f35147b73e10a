//! Growing a table: training its entries directly, with no neural network in between (docs/growing.md).

pub mod adam;
pub mod backward;
pub mod cells;
pub mod checkpoint;
mod drawn;
pub mod files;
pub mod forward;
pub mod learner;
pub mod level;
pub mod net;
pub mod patches;
pub mod photos;
pub mod plane;
pub mod rc;
pub mod run;
pub mod schedule;
mod smooth;
pub mod table;
pub mod validate;
