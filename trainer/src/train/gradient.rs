//! The gradient of a batch, found part by part.

use tch::{Device, Kind, Tensor};

use crate::network::{Network, tape::Tape};

/// Positions (low-resolution pixels of a plane) whose gradients are computed together on a processor.
const POSITIONS_AT_ONCE: i64 = 2_500;

/// Adds to the gradients of a network's parameters those of the mean squared error of `[batch, colours, height, width]`
/// sources and their targets, `scale` times as high and wide, values in [0, 1]. Returns the error.
///
/// A device other than a processor takes the batch at once.
#[must_use]
pub fn backward(network: &Network, source: &Tensor, target: &Tensor) -> f64 {
    let (batch, colours, height, width) = source.size4().expect("sources have four dimensions");
    let at_once = match network.device() {
        Device::Cpu => (POSITIONS_AT_ONCE / (colours * height * width)).clamp(1, batch),
        _ => batch,
    };
    let parts = source.split(at_once, 0).into_iter();
    let errors = parts.zip(target.split(at_once, 0)).map(|(source, target)| {
        let share = source.size()[0] as f64 / batch as f64;
        let mut tape = Tape::default();
        let error = (network.record(&source, &mut tape) - target).square();
        let error = error.mean(Kind::Float) * share;
        tape.backward(&error);
        error.double_value(&[])
    });
    errors.sum()
}
