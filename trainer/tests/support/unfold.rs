//! The networks as the papers' releases compute them: each rotation by itself, the image turned, padded on the right
//! and below, unfolded into patches, one patch a sample. The oracle of `rclut_trainer::network`, and what its speed is
//! measured against.

use std::collections::HashMap;

use gstrclut::engine::model::{Branch, Pattern, RcModule};
use rclut_trainer::network::{Architecture, Block, Network, RcActivation, round};
use tch::Tensor;

/// Weights by name, and what they belong to.
pub struct Unfolded {
    architecture: Architecture,
    weights: HashMap<String, Tensor>,
}

impl Unfolded {
    /// Shares the weights of a network.
    pub fn new(network: &Network) -> Self {
        Self {
            architecture: network.architecture().clone(),
            weights: network.parameters().into_iter().collect(),
        }
    }

    /// As [`Network::forward`].
    pub fn forward(&self, source: &Tensor) -> Tensor {
        let mut planes = vec![source.shallow_clone()];
        let graph = &self.architecture.graph;
        for (index, stage) in graph.stages.iter().enumerate() {
            let last = index + 1 == graph.stages.len();
            let side = if last { i64::from(graph.scale) } else { 1 };
            let mut sum: Option<Tensor> = None;
            for (number, branch) in stage.branches.iter().enumerate() {
                let name = format!("stage{}.branch{}", index + 1, number + 1);
                for turns in 0..4 {
                    let turned = planes[branch.input].rot90(turns, [2, 3]);
                    let out = round(&(self.branch(&name, branch, &turned, side) * 127.0));
                    let upright = out.rot90(-turns, [2, 3]);
                    sum = Some(match sum {
                        Some(sum) => sum + upright,
                        None => upright,
                    });
                }
            }
            let (sum, count) = (sum.unwrap(), stage.branches.len() as f64);
            planes.push(if last {
                round(&(sum / count)) / 255.0
            } else {
                round(&(sum / (4.0 * count) + 127.0).clamp(0.0, 255.0)) / 255.0
            });
        }
        planes.pop().unwrap()
    }

    fn branch(&self, name: &str, branch: &Branch, image: &Tensor, side: i64) -> Tensor {
        let (_, _, height, width) = image.size4().unwrap();
        let plane = match &branch.rc {
            Some(module) => self.rc_plane(&format!("{name}.rc"), module, image).tanh(),
            None => image.shallow_clone(),
        };
        let first = self.weight(&format!("{name}.unit.conv1.weight"));
        let features = first.size()[0];
        let bias = self.weight(&format!("{name}.unit.conv1.bias"));
        let hidden = match (branch.pattern, branch.rc) {
            // A release runs its convolutions over an RC plane as over any image ...
            (Pattern::Point, _) => convolve(&plane, &first.view([features, 1, 1, 1]), bias),
            (pattern, Some(_)) if pattern == Pattern::named('s').unwrap() => {
                let padded = plane.replication_pad2d([0, 1, 0, 1]);
                convolve(&padded, &first.view([features, 1, 2, 2]), bias)
            }
            // ... and over patches of the image itself, one patch a sample.
            (Pattern::Simplex(offsets), _) => {
                let reach = offsets.iter().map(|(y, x)| y.max(x)).max().unwrap();
                let size = i64::from(reach + 1);
                let taps = offsets.map(|(y, x)| i64::from(y) * size + i64::from(x));
                let patches = patches(&plane, size).index_select(1, &Tensor::from_slice(&taps));
                convolve(
                    &patches.view([-1, 1, 2, 2]),
                    &first.view([features, 1, 2, 2]),
                    bias,
                )
            }
        };
        let out = self.layers(name, hidden.relu());
        let outputs = side * side;
        let planes = if out.size()[2] == 1 && out.size()[0] != plane.size()[0] {
            // Patches: samples are positions.
            out.view([-1, height, width, outputs]).permute([0, 3, 1, 2])
        } else {
            out
        };
        planes.pixel_shuffle(side)
    }

    /// The layers after the first.
    fn layers(&self, name: &str, mut hidden: Tensor) -> Tensor {
        let layer = |number: usize, values: &Tensor| {
            let weight = self.weight(&format!("{name}.unit.conv{number}.weight"));
            let bias = self.weight(&format!("{name}.unit.conv{number}.bias"));
            let size = weight.size();
            convolve(values, &weight.view([size[0], size[1], 1, 1]), bias)
        };
        for number in 2..6 {
            let new = layer(number, &hidden).relu();
            hidden = match self.architecture.block {
                Block::Dense => Tensor::cat(&[hidden, new], 1),
                Block::Plain => new,
            };
        }
        layer(6, &hidden).tanh()
    }

    /// A pair of linear layers for each position of the unfolded window.
    fn rc_plane(&self, name: &str, module: &RcModule, image: &Tensor) -> Tensor {
        let (batch, _, height, width) = image.size4().unwrap();
        let size = i64::from(module.size);
        let patches = patches(image, size);
        let weight = |layer: &str| self.weight(&format!("{name}.{layer}"));
        let values = (0..size * size).map(|p| {
            let pixel = patches.narrow(1, p, 1);
            let first = weight("linear1.weight").get(p).unsqueeze(1);
            let mut hidden = pixel.linear(&first, Some(&weight("linear1.bias").get(p)));
            if self.architecture.rc_activation == RcActivation::Relu {
                hidden = hidden.relu();
            }
            let second = weight("linear2.weight").get(p).unsqueeze(0);
            hidden.linear(&second, Some(&weight("linear2.bias").get(p).unsqueeze(0)))
        });
        let values = Tensor::cat(&values.collect::<Vec<_>>(), 1);
        let mean = values.mean_dim([1i64].as_slice(), false, values.kind());
        let plane = (round(&(mean.tanh() * 127.0)) + 127.0).clamp(0.0, 255.0) / 255.0;
        plane.view([batch, 1, height, width])
    }

    fn weight(&self, name: &str) -> &Tensor {
        self.weights
            .get(name)
            .unwrap_or_else(|| panic!("no weight {name}"))
    }
}

/// `[batch * height * width, size * size]`: the window right of and below each pixel.
fn patches(image: &Tensor, size: i64) -> Tensor {
    let padded = image.replication_pad2d([0, size - 1, 0, size - 1]);
    let columns = padded.im2col([size, size], [1, 1], [0, 0], [1, 1]);
    columns.transpose(1, 2).reshape([-1, size * size])
}

fn convolve(values: &Tensor, weight: &Tensor, bias: &Tensor) -> Tensor {
    values.conv2d(weight, Some(bias), [1, 1], [0, 0], [1, 1], 1)
}
