//! The gradient of a batch: each thread has a share of the patches and goes through it part by part.

use std::thread;

use tch::{Device, Kind, Tensor};

use crate::network::{Network, tape::Tape};

/// Positions (low-resolution pixels of a plane) whose gradients are computed together on a processor.
const POSITIONS_AT_ONCE: i64 = 2_500;

/// Adds to the gradients of a network's parameters those of the mean squared error of `[batch, colours, height, width]`
/// sources and their targets, `scale` times as high and wide, values in [0, 1]. Returns the error.
///
/// The layers are small: torch's threads, which meet after every operation, would wait most of the time. So each of
/// `threads` threads has a network of its own, with the same weights; their gradients are added up in a fixed order. A
/// device other than a processor takes the batch at once.
///
/// # Panics
/// If a thread does.
#[must_use]
pub fn backward(network: &Network, source: &Tensor, target: &Tensor, threads: usize) -> f64 {
    let (batch, colours, height, width) = source.size4().expect("sources have four dimensions");
    if network.device() != Device::Cpu {
        return backward_in_parts(network, (source, target), batch, batch);
    }
    let at_once = (POSITIONS_AT_ONCE / (colours * height * width)).max(1);
    let shares = source.chunk(threads as i64, 0).into_iter();
    let mut shares = shares.zip(target.chunk(threads as i64, 0));
    let (source, target) = shares.next().expect("a batch has patches");
    tch::set_num_threads(1);
    let error = thread::scope(|scope| {
        let others = shares.map(|(source, target)| {
            let replica = network.replica();
            scope.spawn(move || {
                let error = backward_in_parts(&replica, (&source, &target), at_once, batch);
                (error, replica)
            })
        });
        let others: Vec<_> = others.collect();
        let error = backward_in_parts(network, (&source, &target), at_once, batch);
        let others = others.into_iter().map(|thread| {
            let (error, replica) = thread.join().expect("no panic in a share");
            network.add_gradients_of(&replica);
            error
        });
        error + others.sum::<f64>()
    });
    tch::set_num_threads(threads as i32);
    error
}

/// What some patches of a batch add to its mean error, and the gradient of that.
fn backward_in_parts(
    network: &Network,
    (source, target): (&Tensor, &Tensor),
    at_once: i64,
    batch: i64,
) -> f64 {
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
