//! rclut-trainer: makes, converts and measures the tables that `rclut` plays.
//!
//! # The map
//!
//! - [`image`](mod@image): photographs in (PNG, JPEG, WebP), PNG out.
//! - [`bicubic`]: MATLAB's `imresize`, by which the papers make their low-resolution images.
//! - [`codec`]: x264 and JPEG, which low-resolution images may go through; [`film`]: an image as a film for them.
//! - [`metrics`]: PSNR-Y and SSIM, the papers' way.
//! - [`evaluate`]: a model's figures on a folder of images, bicubic beside them.
//! - [`sets`]: the folders that benchmark sets lie in.
//! - [`history`]: what a run measures step by step, and its TensorBoard events.
//! - [`report`]: a model's figures, curves and crops as a folder to read.
//! - [`published`]: the tables and networks of the SR-LUT and MuLUT releases.
//! - [`checkpoint`]: PyTorch checkpoints, read without executing them.
//! - [`grow`]: tables trained directly on photographs, with no network in between.
//! - `network` (feature `torch`): the networks that the papers train in place of tables.
//! - `train` (feature `torch`): training them, resumable at any moment.
//! - `convert` (feature `torch`): from a network's weights to a model's tables.
//! - [`cli`]: the command line, one file for each subcommand.
//!
//! The arithmetic of every output pixel is the engine's, `gstrclut::engine`; nothing here computes it a second time.

pub mod bicubic;
pub mod checkpoint;
pub mod cli;
pub mod codec;
#[cfg(feature = "torch")]
pub mod convert;
pub mod evaluate;
pub mod film;
pub mod grow;
pub mod history;
pub mod image;
pub mod metrics;
#[cfg(feature = "torch")]
pub mod network;
pub mod published;
pub mod report;
pub mod sets;
#[cfg(feature = "torch")]
pub mod train;
