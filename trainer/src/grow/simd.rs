//! Compiling a loop for the vectors that this machine has.

/// Runs a job in a copy compiled for the machine's widest vectors; what the job calls must be `#[inline(always)]` to be
/// compiled with it. No instruction set changes the order of a sum, so none changes a result.
#[inline(always)]
pub fn widest<R>(job: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(job)
}
