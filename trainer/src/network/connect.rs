//! The colours of a pixel, mixed before the first stage (ARITHMETIC section 8): 1x1 convolutions 3 -> features -> 3, the
//! `MuLUTcUnit` of MuLUT's code.

use tch::{Tensor, nn};

use super::{Block, Bound, rc::CONTRAST, round, tape::Tape, unit::Unit};

/// Colours of a pixel: red, green and blue.
pub const COLOURS: i64 = 3;

/// Three colours in, three out.
pub struct ConnectNetwork {
    unit: Unit,
}

impl ConnectNetwork {
    /// A unit that keeps the colours apart at first: Kaiming's weights alone would mix them so that no stage behind, which
    /// sees one at a time, could take them apart again.
    #[must_use]
    pub(super) fn new(path: &nn::Path, features: i64) -> Self {
        let kind = (Block::Plain, Bound::Tanh);
        let unit = Unit::new(path, kind, features, 0, (COLOURS, COLOURS));
        unit.start_with_lines(CONTRAST, -CONTRAST / 2.0);
        Self { unit }
    }

    /// What the table would hold for `[3, positions]` values in [0, 1]: as many whole numbers, -127..=127.
    pub fn table_entries(&self, values: &Tensor) -> Tensor {
        let _no_grad = tch::no_grad_guard();
        self.run_unit(values, None)
    }

    fn run_unit(&self, values: &Tensor, tape: Option<&mut Tape>) -> Tensor {
        round(&(self.unit.run(values, tape) * 127.0))
    }

    /// `[batch, 3, height, width]` values in [0, 1] to as many, multiples of 1/255, without gradients.
    pub fn forward(&self, colours: &Tensor) -> Tensor {
        let _no_grad = tch::no_grad_guard();
        self.run(colours, None)
    }

    /// As [`ConnectNetwork::forward`], and notes the way back if there is a tape.
    pub(super) fn run(&self, colours: &Tensor, tape: Option<&mut Tape>) -> Tensor {
        let (batch, _, height, width) = colours.size4().expect("a picture has four dimensions");
        let values = colours.transpose(0, 1).reshape([COLOURS, -1]);
        let levels = (self.run_unit(&values, tape) + 127.0).clamp(0.0, 255.0);
        let mixed = levels.view([COLOURS, batch, height, width]).transpose(0, 1);
        mixed / 255.0
    }
}
