//! The way back through a network: what the chain rule still has to do where torch does not see what was computed.
//!
//! Torch differentiates between the cuts. At a cut the value that goes on is one that torch knows nothing of; once the
//! gradient of the loss has come to it, the tape's step says what that means for what lies before.

use tch::{Kind, Tensor};

type Step = Box<dyn FnOnce(&Tensor)>;

/// Cuts of one forward pass, in the order in which they were made.
#[derive(Default)]
pub struct Tape {
    cuts: Vec<(Tensor, Step)>,
}

impl Tape {
    /// A value to go on with; `step` is given its gradient.
    pub(super) fn cut(&mut self, value: &Tensor, step: impl FnOnce(&Tensor) + 'static) -> Tensor {
        let value = value.detach().set_requires_grad(true);
        self.cuts.push((value.shallow_clone(), Box::new(step)));
        value
    }

    /// Adds to the gradients of the parameters those of a loss of the pass.
    pub fn backward(self, loss: &Tensor) {
        loss.backward();
        for (value, step) in self.cuts.into_iter().rev() {
            step(&value.grad());
        }
    }
}

/// Cuts at a value that several steps start from, if it has a gradient. Each of them sends its own back to the value alone;
/// from there it goes on once, when all have come.
pub(super) fn cut(value: &Tensor, tape: Option<&mut Tape>) -> Tensor {
    let before = value.shallow_clone();
    match tape {
        Some(tape) if value.requires_grad() => {
            tape.cut(value, move |gradient| pass_on(&[(&before, gradient)]))
        }
        _ => before,
    }
}

/// Adds to the gradients of all that the values were computed from, given those of the values themselves.
pub(super) fn pass_on(values: &[(&Tensor, &Tensor)]) {
    let terms = values
        .iter()
        .map(|(value, gradient)| (*value * *gradient).sum(Kind::Float));
    if let Some(sum) = terms.reduce(|sum, term| sum + term) {
        sum.backward();
    }
}
