//! The RC module: for each position of a window a pair of linear layers, 1 -> features -> 1; their mean; squashed to
//! 0..=254 (ARITHMETIC section 4).

use gstrclut::engine::model::{Offset, RcModule};
use tch::{
    Kind, Tensor,
    nn::{self, Init, init},
};

use super::{RcActivation, round, sampling::Padded, unit::KAIMING};

/// Levels of an input plane.
const LEVELS: i64 = 256;

/// How steeply R starts to follow the mean of its window: the tanh is then -0.76 on black and 0.76 on white.
pub(super) const CONTRAST: f64 = 2.0;

/// The module's weights, the window's positions first.
pub struct RcNetwork {
    module: RcModule,
    activation: RcActivation,
    /// `[positions, features]`
    first_weight: Tensor,
    first_bias: Tensor,
    second_weight: Tensor,
    /// `[positions]`
    second_bias: Tensor,
}

impl RcNetwork {
    /// A module of the given size and origin, with Kaiming-normal weights around a blur.
    #[must_use]
    pub fn new(path: &nn::Path, module: RcModule, features: i64, activation: RcActivation) -> Self {
        let positions = i64::from(module.size * module.size);
        // Each first layer has one input, which `KAIMING` would take for `features`.
        let one_input = Init::Randn {
            mean: 0.0,
            stdev: init::NonLinearity::ReLU.gain(),
        };
        let (first, second) = (path / "linear1", path / "linear2");
        let network = Self {
            module,
            activation,
            first_weight: first.var("weight", &[positions, features], one_input),
            first_bias: first.var("bias", &[positions, features], Init::Const(0.0)),
            second_weight: second.var("weight", &[positions, features], KAIMING),
            second_bias: second.var("bias", &[positions], Init::Const(-CONTRAST / 2.0)),
        };
        network.add_contrast();
        network
    }

    /// Kaiming's weights alone sum to nearly nothing over a window: R would say little of what is flat, which is most of
    /// a photograph, in few of its levels. So every position starts with a slope of [`CONTRAST`] more, through the
    /// features that an activation lets pass.
    fn add_contrast(&self) {
        let _no_grad = tch::no_grad_guard();
        let open = self.first_weight.relu();
        let gain = self.sum_features(&open.square()).unsqueeze(1);
        let mut second_weight = self.second_weight.shallow_clone();
        second_weight += open / gain.clamp_min(1e-6) * CONTRAST;
    }

    /// The graph's module.
    #[must_use]
    pub fn module(&self) -> RcModule {
        self.module
    }

    /// Each position's contribution to the sum before the tanh, for every level v at v/255: `[256, positions]`.
    pub fn contributions(&self) -> Tensor {
        let options = (self.first_weight.kind(), self.first_weight.device());
        let levels = Tensor::arange(LEVELS, options).view([LEVELS, 1, 1]) / 255.0;
        let mut hidden = levels * &self.first_weight + &self.first_bias;
        if self.activation == RcActivation::Relu {
            hidden = hidden.relu_();
        }
        self.sum_features(&(hidden * &self.second_weight)) + &self.second_bias
    }

    /// `[batch, 1, height, width]` multiples of 1/255 to `[batch, 4, height, width]`: for each rotation its plane R, in
    /// upright coordinates, divided by 255.
    pub fn forward(&self, plane: &Tensor) -> Tensor {
        let padded = Padded::new(plane, i64::from(self.module.reach()));
        let sums = match self.activation {
            RcActivation::None => self.convolve(&padded),
            RcActivation::Relu => self.look_up(&padded),
        };
        let mean = sums / f64::from(self.module.size * self.module.size);
        (round(&(mean.tanh() * 127.0)) + 127.0).clamp(0.0, 255.0) / 255.0
    }

    /// Without an activation a pair of layers is a straight line, and the module one convolution: its window, turned
    /// four ways around the pixel, makes the four output planes.
    fn convolve(&self, padded: &Padded) -> Tensor {
        let (size, reach) = (i64::from(self.module.size), i64::from(self.module.reach()));
        let slopes = self.sum_features(&(&self.first_weight * &self.second_weight));
        let constants = self.sum_features(&(&self.first_bias * &self.second_weight));
        let constant = (constants + &self.second_bias).sum(slopes.kind());
        let before = reach + i64::from(self.module.origin);
        let after = 2 * reach + 1 - size - before;
        let window = slopes.view([size, size]);
        let window = window.constant_pad_nd([before, after, before, after]);
        let kernels: Vec<Tensor> = (0..4).map(|r| window.rot90(-r, [0, 1])).collect();
        let kernels = Tensor::stack(&kernels, 0).unsqueeze(1);
        let bias: Option<Tensor> = None;
        padded
            .planes()
            .conv2d(&kernels, bias, [1, 1], [0, 0], [1, 1], 1)
            + constant
    }

    /// With an activation the 256 values of each position are computed once and looked up, which is exact since planes
    /// have 256 levels; the slope at the level carries the gradient to the plane.
    fn look_up(&self, padded: &Padded) -> Tensor {
        let seen = padded.map(|plane| {
            let (batch, _, height, width) = plane.size4().expect("planes have four dimensions");
            let levels = (plane.detach() * 255.0)
                .round()
                .to_kind(Kind::Int64)
                .flatten(0, -1);
            let mut values = self.contributions().index_select(0, &levels);
            if plane.requires_grad() {
                let step = (plane - plane.detach()).flatten(0, -1).unsqueeze(1);
                values += self.slopes().index_select(0, &levels) * step;
            }
            values
                .view([batch, height, width, -1])
                .permute([0, 3, 1, 2])
        });
        let rotations = (0..4).map(|rotation| {
            let positions = self.window().enumerate();
            let positions = positions.map(|(p, offset)| seen.at(p as i64, offset, rotation));
            positions
                .reduce(|sum, position| sum + position)
                .expect("a window has positions")
        });
        Tensor::stack(&rotations.collect::<Vec<_>>(), 1)
    }

    /// The slope of each contribution at every level: `[256, positions]`, without gradient.
    fn slopes(&self) -> Tensor {
        let _no_grad = tch::no_grad_guard();
        let options = (self.first_weight.kind(), self.first_weight.device());
        let levels = Tensor::arange(LEVELS, options).view([LEVELS, 1, 1]) / 255.0;
        let open = (levels * &self.first_weight + &self.first_bias).gt(0.0);
        self.sum_features(&(open * &self.first_weight * &self.second_weight))
    }

    fn sum_features(&self, values: &Tensor) -> Tensor {
        values.sum_dim_intlist([-1i64].as_slice(), false, values.kind())
    }

    /// Offsets of the window's positions, row by row.
    fn window(&self) -> impl Iterator<Item = Offset> {
        let (size, origin) = (self.module.size as i32, self.module.origin);
        (0..size).flat_map(move |i| (0..size).map(move |j| (i + origin, j + origin)))
    }
}
