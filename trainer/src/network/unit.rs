//! The unit: the values of a pattern's pixels in, one value or `scale^2` values out.

use tch::{
    Kind, Tensor,
    nn::{self, Init, init},
};

use super::{
    Block, Bound,
    tape::{Tape, cut, pass_on},
};

/// Hidden layers after the first of a unit that a 4-D or 1-D table is read from.
pub(super) const DEPTH: usize = 4;
/// Positions that go through the layers together: what a layer makes of them stays in a processor's cache until the next
/// reads it.
const CHUNK: i64 = 1 << 12;

/// A stack of layers that sees one position at a time.
pub struct Unit {
    block: Block,
    bound: Bound,
    features: i64,
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
            features,
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

    /// `[inputs, positions]` values to `[outputs, positions]` values in -1..=1. Without a tape there are no gradients.
    pub(super) fn run(&self, values: &Tensor, mut tape: Option<&mut Tape>) -> Tensor {
        let values = cut(values, tape.as_deref_mut());
        let chunks = values.split(CHUNK, 1).into_iter();
        let chunks = chunks.map(|values| match &mut tape {
            Some(tape) => self.record(values, tape),
            None => tch::no_grad(|| self.output(&values, &self.hidden(&values))),
        });
        Tensor::cat(&chunks.collect::<Vec<_>>(), 1)
    }

    /// Notes the way back, which is written out here: torch would keep what each reader of a layer sends back to it, and add
    /// that up.
    fn record(&self, values: Tensor, tape: &mut Tape) -> Tensor {
        let (hidden, output) = tch::no_grad(|| {
            let hidden = self.hidden(&values);
            let output = self.output(&values, &hidden);
            (hidden, output)
        });
        let (unit, made) = (self.shallow_clone(), output.shallow_clone());
        tape.cut(&output, move |gradient| {
            unit.backward(&values, &hidden, &made, gradient);
        })
    }

    /// What the hidden layers make, one below the other: no layer copies what the layers before it made.
    fn hidden(&self, values: &Tensor) -> Tensor {
        let positions = values.size()[1];
        let layers = self.layers.len() as i64 - 1;
        let options = (values.kind(), values.device());
        let hidden = Tensor::empty([layers * self.features, positions], options);
        for index in 0..layers as usize {
            let inputs = self.inputs(index, values, &hidden);
            let layer = &self.layers[index];
            let made = self.made(index, &hidden);
            let _ = layer
                .bias
                .unsqueeze(1)
                .addmm_out(&made, &layer.weight, &inputs);
            let _ = made.shallow_clone().relu_();
        }
        hidden
    }

    fn output(&self, values: &Tensor, hidden: &Tensor) -> Tensor {
        let index = self.layers.len() - 1;
        let layer = &self.layers[index];
        let inputs = self.inputs(index, values, hidden);
        let output = layer.bias.unsqueeze(1).addmm(&layer.weight, &inputs);
        match self.bound {
            Bound::Tanh => output.tanh(),
            Bound::Clamp => output.clamp(-1.0, 1.0),
        }
    }

    /// The rows of `hidden`, or of anything of its shape, that belong to a layer.
    fn made(&self, index: usize, hidden: &Tensor) -> Tensor {
        hidden.narrow(0, index as i64 * self.features, self.features)
    }

    /// What a layer reads.
    fn inputs(&self, index: usize, values: &Tensor, hidden: &Tensor) -> Tensor {
        match (index, self.block) {
            (0, _) => values.shallow_clone(),
            (_, Block::Dense) => hidden.narrow(0, 0, index as i64 * self.features),
            (_, Block::Plain) => self.made(index - 1, hidden),
        }
    }

    /// Adds to the gradients of the weights, and of what the values were computed from.
    fn backward(&self, values: &Tensor, hidden: &Tensor, output: &Tensor, gradient: &Tensor) {
        let gradients = tch::no_grad(|| self.gradients(values, hidden, output, gradient));
        let layers = self.layers.iter().rev();
        let tensors = layers.flat_map(|layer| [&layer.weight, &layer.bias]);
        let pairs = tensors.chain([values]).zip(&gradients);
        pass_on(&pairs.collect::<Vec<_>>());
    }

    /// The gradients of each layer's weights and biases, the last layer first, then of the values if they have one.
    fn gradients(
        &self,
        values: &Tensor,
        hidden: &Tensor,
        output: &Tensor,
        gradient: &Tensor,
    ) -> Vec<Tensor> {
        let mut gradients = Vec::new();
        // By what the hidden layers make.
        let by_hidden = hidden.empty_like();
        let mut by_sum = match self.bound {
            Bound::Tanh => Tensor::tanh_backward(gradient, output),
            Bound::Clamp => gradient * output.abs().lt(1.0),
        };
        for (index, layer) in self.layers.iter().enumerate().rev() {
            let inputs = self.inputs(index, values, hidden);
            gradients.push(by_sum.mm(&inputs.tr()));
            gradients.push(by_sum.sum_dim_intlist([1i64].as_slice(), false, by_sum.kind()));
            if index == 0 {
                break;
            }
            let mut by_inputs: Tensor = self.inputs(index, values, &by_hidden);
            let is_first = self.block == Block::Plain || index + 1 == self.layers.len();
            let _ = if is_first {
                layer.weight.tr().mm_out(&by_inputs, &by_sum)
            } else {
                by_inputs.addmm_(&layer.weight.tr(), &by_sum)
            };
            let (made, by_made) = (
                self.made(index - 1, hidden),
                self.made(index - 1, &by_hidden),
            );
            by_sum = made.threshold_backward_grad_input(&by_made, &by_made, 0.0);
        }
        if values.requires_grad() {
            gradients.push(self.layers[0].weight.tr().mm(&by_sum));
        }
        gradients
    }

    fn shallow_clone(&self) -> Self {
        let layers = self.layers.iter().map(|layer| Layer {
            weight: layer.weight.shallow_clone(),
            bias: layer.bias.shallow_clone(),
        });
        Self {
            layers: layers.collect(),
            ..*self
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
}

/// Normal, with the variance 2 / inputs that keeps the scale of values through layers with ReLU (He et al., 2015).
pub(super) const KAIMING: Init = Init::Kaiming {
    dist: init::NormalOrUniform::Normal,
    fan: init::FanInOut::FanIn,
    non_linearity: init::NonLinearity::ReLU,
};
