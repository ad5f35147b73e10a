//! The networks behind the tables: a model's graph with a small network in place of each table (`docs/training.md`).
//!
//! - [`architecture`]: what a network is, from a preset, from modes and stages, or from a graph's notation.
//! - [`unit`](mod@unit): four values in, one or `scale^2` values out; what a 4-D or 1-D table is read from.
//! - [`connect`]: the colours of a pixel mixed before the first stage.
//! - [`rc`]: the RC module, a window squashed to one value.
//! - [`tape`]: the way back, where torch does not see it.
//! - [`sampling`]: which pixels a unit reads, in all four rotations at once.
//!
//! A network computes in [0, 1] what the model computes in 0..=255, and rounds where the model rounds. No image is
//! rotated or unfolded: the four rotations are four sets of offsets into one padded plane, and all positions of all
//! rotations go through a layer in one matrix product.

pub mod architecture;
pub mod connect;
pub mod rc;
pub mod sampling;
pub mod tape;
pub mod unit;

use gstrclut::engine::model::{Pattern, rotate_sub_pixel};
use tch::{Device, Kind, Tensor, nn};

pub use architecture::{Architecture, Block, Bound, RcActivation};
use connect::ConnectNetwork;
use rc::RcNetwork;
use sampling::Taps;
use tape::{Tape, cut};
use unit::{DEPTH, Unit};

use crate::image::Image;

/// Rounds half to even and lets the gradient pass as if it had not ("backward pass differentiable approximation").
pub fn round(values: &Tensor) -> Tensor {
    values + (values.round() - values).detach()
}

/// A network with its weights.
pub struct Network {
    architecture: Architecture,
    weights: nn::VarStore,
    connect: Option<ConnectNetwork>,
    stages: Vec<Vec<BranchNetwork>>,
}

/// What one branch of the graph is while it is trained.
pub struct BranchNetwork {
    input: usize,
    rc: Option<RcNetwork>,
    taps: Taps,
    unit: Unit,
}

impl Network {
    /// A network with random weights, from torch's generator (`tch::manual_seed`).
    #[must_use]
    pub fn new(architecture: Architecture, device: Device) -> Self {
        let weights = nn::VarStore::new(device);
        let graph = &architecture.graph;
        let stages = graph.stages.iter().enumerate().map(|(index, stage)| {
            let branches = stage.branches.iter().enumerate();
            let branches = branches.map(|(number, branch)| {
                let path = weights.root() / format!("stage{}", index + 1);
                let path = path / format!("branch{}", number + 1);
                let taps = if architecture.is_learned(index, number) {
                    Taps::learned(&path)
                } else {
                    Taps::Fixed(branch.pattern.offsets().to_vec())
                };
                BranchNetwork {
                    input: branch.input,
                    rc: branch.rc.map(|module| {
                        let activation = architecture.rc_activation;
                        RcNetwork::new(&(&path / "rc"), module, architecture.features, activation)
                    }),
                    unit: Unit::new(
                        &(&path / "unit"),
                        (architecture.block, architecture.bound),
                        architecture.features,
                        DEPTH,
                        (taps.len() as i64, graph.outputs(index) as i64),
                    ),
                    taps,
                }
            });
            branches.collect()
        });
        let stages = stages.collect();
        let connect = graph.connect.map(|_| {
            let path = weights.root() / "connect";
            ConnectNetwork::new(&(&path / "unit"), architecture.features)
        });
        Self {
            architecture,
            weights,
            connect,
            stages,
        }
    }

    /// What the network is, without its weights.
    #[must_use]
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Where the weights are.
    #[must_use]
    pub fn device(&self) -> Device {
        self.weights.device()
    }

    /// The precision that the network computes in.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.stages[0][0].unit.kind()
    }

    /// What mixes the colours, if the network does.
    #[must_use]
    pub fn connect(&self) -> Option<&ConnectNetwork> {
        self.connect.as_ref()
    }

    /// The branches of each stage.
    #[must_use]
    pub fn stages(&self) -> &[Vec<BranchNetwork>] {
        &self.stages
    }

    /// The weights by name, sorted.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, Tensor)> {
        let mut named: Vec<_> = self.weights.variables().into_iter().collect();
        named.sort_by(|(a, _), (b, _)| a.cmp(b));
        named
    }

    /// A network of its own with the same weights, and no gradients.
    #[must_use]
    pub fn replica(&self) -> Self {
        let mut replica = Self::new(self.architecture.clone(), self.device());
        let _no_grad = tch::no_grad_guard();
        for ((_, mut to), (_, from)) in replica.parameters().into_iter().zip(self.parameters()) {
            to.copy_(&from);
        }
        let mut branches = self.stages.iter().flatten();
        if branches.all(|branch| matches!(branch.taps, Taps::Fixed(_))) {
            replica.freeze_offsets();
        }
        replica
    }

    /// Adds to the gradients of the weights those of a replica.
    pub fn add_gradients_of(&self, replica: &Self) {
        for ((_, to), (_, from)) in self.parameters().iter().zip(replica.parameters()) {
            if from.grad().defined() {
                let _ = to.grad().g_add_(&from.grad());
            }
        }
    }

    /// From now on computes in double precision, so that what is read out does not hang on the order of sums.
    #[must_use]
    pub fn in_double(mut self) -> Self {
        self.weights.double();
        self
    }

    /// Rounds learned offsets to whole pixels and trains them no further.
    pub fn freeze_offsets(&mut self) {
        for branch in self.stages.iter_mut().flatten() {
            branch.taps.freeze();
        }
    }

    /// `[batch, colours, height, width]` values in [0, 1] to `[batch, colours, scale * height, scale * width]` values that
    /// are multiples of 1/255, not clamped, without gradients. The colours are three if the network mixes them.
    pub fn forward(&self, source: &Tensor) -> Tensor {
        let _no_grad = tch::no_grad_guard();
        self.run(source, None)
    }

    /// As [`Network::forward`], and notes the way back to the parameters: for [`Tape::backward`].
    pub fn record(&self, source: &Tensor, tape: &mut Tape) -> Tensor {
        self.run(source, Some(tape))
    }

    fn run(&self, source: &Tensor, mut tape: Option<&mut Tape>) -> Tensor {
        let (batch, colours, height, width) =
            source.size4().expect("a picture has four dimensions");
        let source = match &self.connect {
            Some(connect) => connect.run(source, tape.as_deref_mut()),
            None => source.shallow_clone(),
        };
        let planes = source.reshape([batch * colours, 1, height, width]);
        let output = self.run_stages(&planes, tape);
        let scale = i64::from(self.architecture.graph.scale);
        output.view([batch, colours, scale * height, scale * width])
    }

    /// `[batch, 1, height, width]` values to `[batch, 1, scale * height, scale * width]`.
    fn run_stages(&self, source: &Tensor, mut tape: Option<&mut Tape>) -> Tensor {
        let mut planes = vec![cut(source, tape.as_deref_mut())];
        for (index, branches) in self.stages.iter().enumerate() {
            let entries = branches
                .iter()
                .map(|b| b.entries(&planes[b.input], tape.as_deref_mut()));
            let sum = entries.reduce(|sum, entries| sum + entries);
            let sum = sum.expect("a stage has branches");
            let count = branches.len() as f64;
            if index + 1 == self.stages.len() {
                let side = i64::from(self.architecture.graph.scale);
                return (round(&(sum / count)) / 255.0).pixel_shuffle(side);
            }
            let plane = round(&(sum / (4.0 * count) + 127.0).clamp(0.0, 255.0)) / 255.0;
            planes.push(cut(&plane, tape.as_deref_mut()));
        }
        unreachable!("a graph has stages")
    }

    /// An image as the network alone would upscale it, each of its planes by itself once its colours are mixed: what
    /// conversion is measured against.
    #[must_use]
    pub fn upscale(&self, low: &Image) -> Image {
        let _no_grad = tch::no_grad_guard();
        let scale = self.architecture.graph.scale as usize;
        let input = |plane: &Vec<u8>| self.input(plane, 1, (low.height, low.width));
        let planes = match &self.connect {
            None => low.planes.iter().map(input).collect(),
            Some(connect) => {
                let colours = low.colours().map(input);
                connect.forward(&Tensor::cat(&colours, 1)).split(1, 1)
            }
        };
        let planes = planes
            .iter()
            .map(|plane| to_levels(&self.run_stages(plane, None)));
        let upscaled = Image {
            width: low.width * scale,
            height: low.height * scale,
            planes: planes.collect(),
        };
        upscaled.coloured_as(low)
    }

    /// Levels, image after image and row by row, as `[batch, 1, height, width]` values in [0, 1] where the weights are
    /// and in their precision.
    ///
    /// # Panics
    /// If there are not `batch * height * width` levels.
    pub fn input<T: tch::kind::Element>(
        &self,
        levels: &[T],
        batch: usize,
        (height, width): (usize, usize),
    ) -> Tensor {
        let levels = Tensor::from_slice(levels).to_device(self.device());
        let values = levels.to_kind(self.kind()) / 255.0;
        values.view([batch as i64, 1, height as i64, width as i64])
    }
}

/// Values in [0, 1] of any shape as 8-bit levels, in memory order.
#[must_use]
pub fn to_levels(values: &Tensor) -> Vec<u8> {
    let levels = (values * 255.0).round().clamp(0.0, 255.0);
    let levels = levels.to_kind(Kind::Uint8).to_device(Device::Cpu);
    Vec::try_from(levels.flatten(0, -1)).expect("a vector of bytes")
}

impl BranchNetwork {
    /// The RC module, if the branch has one.
    #[must_use]
    pub fn rc(&self) -> Option<&RcNetwork> {
        self.rc.as_ref()
    }

    /// The unit behind the taps.
    #[must_use]
    pub fn unit(&self) -> &Unit {
        &self.unit
    }

    /// The pattern that the branch reads, learned offsets rounded to whole pixels.
    #[must_use]
    pub fn pattern(&self) -> Pattern {
        let offsets = self.taps.rounded();
        Pattern::try_from(offsets).expect("a branch has one tap or four")
    }

    /// What the branch's table would hold for `[taps, positions]` values in [0, 1]: `[outputs, positions]` whole
    /// numbers, -127..=127. Behind an RC module the values pass a second tanh first, as its planes do.
    pub fn table_entries(&self, values: &Tensor) -> Tensor {
        let _no_grad = tch::no_grad_guard();
        self.run_unit(values, None)
    }

    fn run_unit(&self, values: &Tensor, tape: Option<&mut Tape>) -> Tensor {
        let entries = match self.rc {
            Some(_) => self.unit.run(&values.tanh(), tape),
            None => self.unit.run(values, tape),
        };
        round(&(entries * 127.0))
    }

    /// The sum of the four rotations' entries, turned back: `[batch, outputs, height, width]`.
    fn entries(&self, plane: &Tensor, tape: Option<&mut Tape>) -> Tensor {
        let (batch, _, height, width) = plane.size4().expect("planes have four dimensions");
        let values = match &self.rc {
            Some(rc) => self.taps.sample(&rc.forward(plane)),
            None => self.taps.sample(plane),
        };
        let entries = self.run_unit(&values, tape);
        let outputs = entries.size()[0];
        entries
            .view([outputs * 4, batch * height * width])
            .index_select(0, &turned_back(outputs as usize).to_device(plane.device()))
            .view([4, outputs, batch, height, width])
            .sum_dim_intlist([0i64].as_slice(), false, entries.kind())
            .permute([1, 0, 2, 3])
    }
}

/// For each rotation and sub-pixel of the upright image, the row of `[outputs, 4]` entries that lands there
/// (ARITHMETIC section 2).
fn turned_back(outputs: usize) -> Tensor {
    let side = outputs.isqrt();
    let mut rows = vec![0; 4 * outputs];
    for rotation in 0..4 {
        for entry in 0..outputs {
            let (row, column) = rotate_sub_pixel(rotation, (entry / side, entry % side), side);
            rows[rotation * outputs + row * side + column] = (entry * 4 + rotation) as i64;
        }
    }
    Tensor::from_slice(&rows)
}
