//! Adam (D. Kingma and J. Ba, "Adam: a method for stochastic optimization", 2015), with state that can be saved.

use tch::Tensor;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// The optimiser's state for each parameter, in their order.
pub struct Adam {
    moments: Vec<Moments>,
    weight_decay: f64,
}

/// Running means of a parameter's gradient and of its square.
pub struct Moments {
    pub first: Tensor,
    pub second: Tensor,
}

impl Moments {
    /// Of a parameter that has had no gradient yet.
    #[must_use]
    pub fn zero(parameter: &Tensor) -> Self {
        Self {
            first: parameter.detach().zeros_like(),
            second: parameter.detach().zeros_like(),
        }
    }
}

impl Adam {
    /// Starts, or goes on, from the given state. `weight_decay` times the parameter is added to its gradient.
    #[must_use]
    pub fn new(moments: Vec<Moments>, weight_decay: f64) -> Self {
        Self {
            moments,
            weight_decay,
        }
    }

    /// The state of each parameter.
    #[must_use]
    pub fn moments(&self) -> &[Moments] {
        &self.moments
    }

    /// Moves the parameters against their gradients, which it clears. `step` counts from 1. A parameter without a
    /// gradient, or that no longer asks for one, stays.
    ///
    /// # Panics
    /// If there are not as many parameters as states.
    pub fn step(&mut self, parameters: &[(String, Tensor)], step: u64, rate: f64) {
        assert_eq!(parameters.len(), self.moments.len(), "parameters");
        let _no_grad = tch::no_grad_guard();
        let bias = |beta: f64| 1.0 - beta.powf(step as f64);
        let (bias1, bias2) = (bias(BETA1), bias(BETA2));
        for ((_, parameter), moments) in parameters.iter().zip(&mut self.moments) {
            let mut gradient = parameter.grad();
            if !gradient.defined() || !parameter.requires_grad() {
                continue;
            }
            let slope = &gradient + parameter * self.weight_decay;
            moments.first *= BETA1;
            moments.first += &slope * (1.0 - BETA1);
            moments.second *= BETA2;
            moments.second += slope.square() * (1.0 - BETA2);
            let scale = (&moments.second / bias2).sqrt() + EPSILON;
            let mut parameter = parameter.shallow_clone();
            parameter -= &moments.first / scale * (rate / bias1);
            let _ = gradient.zero_();
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn steps_follow_torchs_own_adam() {
        let weights =
            |store: &tch::nn::VarStore| store.root().var("w", &[3], tch::nn::Init::Const(0.5));
        let loss = |w: &Tensor| {
            let target = Tensor::from_slice(&[1.0f32, -2.0, 0.1]);
            ((w - target) * Tensor::from_slice(&[1.0f32, 10.0, 0.0]))
                .square()
                .sum(Kind::Float)
        };
        let (ours, theirs) = (
            tch::nn::VarStore::new(Device::Cpu),
            tch::nn::VarStore::new(Device::Cpu),
        );
        let (our_w, their_w) = (weights(&ours), weights(&theirs));
        let mut adam = Adam::new(vec![Moments::zero(&our_w)], 0.01);
        use tch::nn::OptimizerConfig as _;
        let mut torch = tch::nn::adam(0.9, 0.999, 0.01).build(&theirs, 0.1).unwrap();
        let parameters = vec![("w".to_owned(), our_w.shallow_clone())];
        for step in 1..=50 {
            loss(&our_w).backward();
            adam.step(&parameters, step, 0.1);
            torch.backward_step(&loss(&their_w));
        }
        let difference = (&our_w - &their_w).abs().max().double_value(&[]);
        assert!(difference < 1e-5, "{difference}");
        assert!((our_w.double_value(&[0]) - 1.0).abs() < 0.2);
    }
}
