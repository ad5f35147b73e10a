//! The unit: the values of a pattern's pixels in, one value or `scale^2` values out.

use tch::{
    Kind, Tensor,
    nn::{self, Init, init},
};

use super::{Block, Bound};

/// Hidden layers after the first of a unit that a 4-D or 1-D table is read from.
pub(super) const DEPTH: usize = 4;
/// Positions that go through the layers together; bounds the memory that large images take.
const CHUNK: i64 = 1 << 16;

/// A stack of layers that sees one position at a time.
pub struct Unit {
    block: Block,
    bound: Bound,
    layers: Vec<Layer>,
}

/// `[outputs, inputs]` weights and `[outputs]` biases.
struct Layer {
    weight: Tensor,
    bias: Tensor,
}

impl Unit {
    /// A unit from `inputs` to `outputs` values with `features` hidden ones in `depth` layers after the first, Kaiming-normal
    /// weights, biases 0.
    #[must_use]
    pub fn new(
        path: &nn::Path,
        (block, bound): (Block, Bound),
        features: i64,
        depth: usize,
        (inputs, outputs): (i64, i64),
    ) -> Self {
        let mut layers = vec![Layer::new(path, 1, (inputs, features))];
        let mut width = features;
        for index in 0..depth {
            layers.push(Layer::new(path, index + 2, (width, features)));
            if block == Block::Dense {
                width += features;
            }
        }
        layers.push(Layer::new(path, depth + 2, (width, outputs)));
        Self {
            block,
            bound,
            layers,
        }
    }

    /// Has a unit of two layers, and as many inputs as outputs, start as `slope` times each input plus `constant`, for
    /// inputs that are not below 0. It needs a feature for each.
    pub(super) fn start_with_lines(&self, slope: f64, constant: f64) {
        let _no_grad = tch::no_grad_guard();
        let [first, last] = &self.layers[..] else {
            unreachable!("a unit of two layers");
        };
        let inputs = first.weight.size()[1];
        let kept = Tensor::eye(inputs, (first.weight.kind(), first.weight.device()));
        first.weight.narrow(0, 0, inputs).copy_(&kept);
        let _ = last.weight.shallow_clone().zero_();
        last.weight.narrow(1, 0, inputs).copy_(&(kept * slope));
        let _ = last.bias.shallow_clone().fill_(constant);
    }

    /// The precision that the unit computes in.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.layers[0].weight.kind()
    }

    /// `[inputs, positions]` values to `[outputs, positions]` values in -1..=1.
    pub fn forward(&self, values: &Tensor) -> Tensor {
        let positions = values.size()[1];
        if positions <= CHUNK {
            return self.forward_chunk(values);
        }
        let chunks = values.split(CHUNK, 1);
        let chunks: Vec<Tensor> = chunks.iter().map(|c| self.forward_chunk(c)).collect();
        Tensor::cat(&chunks, 1)
    }

    fn forward_chunk(&self, values: &Tensor) -> Tensor {
        let (last, hidden) = self.layers.split_last().expect("a unit has layers");
        let (first, hidden) = hidden.split_first().expect("a unit has hidden layers");
        let mut seen = vec![first.apply(&[values.shallow_clone()]).relu_()];
        for layer in hidden {
            let new = layer.apply(&seen).relu_();
            if self.block == Block::Plain {
                seen.clear();
            }
            seen.push(new);
        }
        let output = last.apply(&seen);
        match self.bound {
            Bound::Tanh => output.tanh(),
            Bound::Clamp => output.clamp(-1.0, 1.0),
        }
    }
}

impl Layer {
    fn new(path: &nn::Path, number: usize, (inputs, outputs): (i64, i64)) -> Self {
        let path = path / format!("conv{number}");
        Self {
            weight: path.var("weight", &[outputs, inputs], KAIMING),
            bias: path.var("bias", &[outputs], Init::Const(0.0)),
        }
    }

    /// Positions are columns. Rows come in parts, one below the other, and each part meets its own columns of the
    /// weights: no layer copies what the layers before it made.
    fn apply(&self, parts: &[Tensor]) -> Tensor {
        let mut column = 0;
        let mut sum: Option<Tensor> = None;
        for part in parts {
            let weight = self.weight.narrow(1, column, part.size()[0]);
            column += part.size()[0];
            sum = Some(match sum {
                None => self.bias.unsqueeze(1).addmm(&weight, part),
                Some(mut sum) => sum.addmm_(&weight, part),
            });
        }
        sum.expect("a layer has inputs")
    }
}

/// Normal, with the variance 2 / inputs that keeps the scale of values through layers with ReLU (He et al., 2015).
pub(super) const KAIMING: Init = Init::Kaiming {
    dist: init::NormalOrUniform::Normal,
    fan: init::FanInOut::FanIn,
    non_linearity: init::NonLinearity::ReLU,
};
