//! When to look for what stands still: always while something does, and now and then while nothing does.

/// Looks in a row that find next to nothing before a rest.
const LOOKS: u32 = 4;

/// Planes that a rest lasts: the looks before it then cost an eighth of what they cost on every plane.
const REST: u32 = 28;

/// One tile of so many must stand still for the looks to go on.
const WORTHWHILE: usize = 16;

/// How the last looks went.
#[derive(Debug, Default)]
pub struct Rest {
    in_vain: u32,
    remaining: u32,
}

impl Rest {
    /// Whether to look at the next plane.
    pub fn is_over(&mut self) -> bool {
        let is_over = self.remaining == 0;
        self.remaining = self.remaining.saturating_sub(1);
        is_over
    }

    /// Takes note of a look that found so many of all tiles still.
    pub fn learn(&mut self, still: usize, tiles: usize) {
        self.in_vain = match still * WORTHWHILE >= tiles {
            true => 0,
            false => self.in_vain + 1,
        };
        if self.in_vain == LOOKS {
            (self.in_vain, self.remaining) = (0, REST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at so many planes, of which so many tiles of a hundred are still.
    fn looks(rest: &mut Rest, planes: u32, still: usize) -> u32 {
        let mut look = |_| {
            let looks = rest.is_over();
            if looks {
                rest.learn(still, 100);
            }
            u32::from(looks)
        };
        (0..planes).map(&mut look).sum()
    }

    #[test]
    fn while_something_is_still_every_plane_is_looked_at() {
        assert_eq!(looks(&mut Rest::default(), 100, 7), 100);
    }

    #[test]
    fn while_all_moves_one_plane_of_eight_is_looked_at() {
        let mut rest = Rest::default();
        let period = LOOKS + REST;
        assert_eq!(looks(&mut rest, 10 * period, 6), 10 * period / 8);
        assert_eq!(looks(&mut rest, 100, 100), 100);
    }

    #[test]
    fn what_stands_still_at_times_is_seen_each_time() {
        let mut rest = Rest::default();
        for _ in 0..10 {
            assert_eq!(looks(&mut rest, LOOKS - 1, 0), LOOKS - 1);
            assert_eq!(looks(&mut rest, 1, 50), 1);
        }
    }
}
