//! Training a network as the papers do: Adam on the mean squared error of random patches (docs/training.md).
//!
//! - [`task`]: what is done to a low-resolution image before it is restored: nothing, noise, JPEG.
//! - [`adam`]: the optimiser, whose state can be saved.
//! - [`gradient`]: the gradient of a batch.
//! - [`openmp`]: how libtorch's threads wait.
//! - [`checkpoint`]: a run on disk.
//! - [`validate`]: PSNR-Y and SSIM of a network on sets of images.
//! - [`run`]: the loop, from photographs to the best network.

pub mod adam;
pub mod checkpoint;
pub mod gradient;
pub mod openmp;
pub mod run;
pub mod task;
pub mod validate;
