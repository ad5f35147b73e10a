//! What the papers' models score, for the report's table.

/// Where the figures come from, for the report's reader.
pub(super) const SOURCES: &str = "SR-LUT and MuLUT: the tables that their authors publish, measured by \
    `rclut-trainer test` with the same images and arithmetic. RCLUT: as printed in its paper (ICCV 2023).";

/// PSNR-Y of a paper's model at one scale, dB.
pub(super) struct Paper {
    pub name: &'static str,
    scale: u32,
    figures: [(&'static str, f64); 3],
}

const PAPERS: [Paper; 5] = [
    Paper {
        name: "SR-LUT",
        scale: 2,
        figures: [("Set5", 35.518), ("Set14", 31.756), ("B100", 30.675)],
    },
    Paper {
        name: "SR-LUT",
        scale: 3,
        figures: [("Set5", 31.968), ("Set14", 28.836), ("B100", 27.951)],
    },
    Paper {
        name: "SR-LUT",
        scale: 4,
        figures: [("Set5", 29.832), ("Set14", 27.108), ("B100", 26.551)],
    },
    Paper {
        name: "MuLUT",
        scale: 4,
        figures: [("Set5", 30.608), ("Set14", 27.605), ("B100", 26.861)],
    },
    Paper {
        name: "RCLUT",
        scale: 4,
        figures: [("Set5", 30.72), ("Set14", 27.67), ("B100", 26.95)],
    },
];

/// The models known at a scale.
pub(super) fn at_scale(scale: u32) -> impl Iterator<Item = &'static Paper> {
    PAPERS.iter().filter(move |paper| paper.scale == scale)
}

impl Paper {
    /// The figure on a set, by the set's usual name.
    pub fn psnr_y(&self, set: &str) -> Option<f64> {
        let found = self
            .figures
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(set));
        found.map(|(_, psnr)| *psnr)
    }
}
