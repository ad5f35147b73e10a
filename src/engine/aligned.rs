//! Where do rows lie in memory? From the beginning of a cache line on: then vectors as long as a line never lie across two,
//! which would cost a load and half a store more each.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line, and of the longest vector.
const LINE: usize = 64;

/// Values of which the first begins a cache line.
pub struct Aligned<T> {
    /// Those before the first that begins a line are not used.
    values: Vec<T>,
    first: usize,
    length: usize,
}

impl<T: Copy + Default> Aligned<T> {
    /// So many zeros.
    pub fn new(length: usize) -> Self {
        let spare = LINE / size_of::<T>();
        let values = vec![T::default(); length + spare];
        // A vector that never grows stays where it is.
        let first = values.as_ptr().align_offset(LINE).min(spare);
        Self {
            values,
            first,
            length,
        }
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.values[self.first..][..self.length]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.values[self.first..][..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_begins_a_line_and_all_are_there() {
        fn check<T: Copy + Default>() {
            for length in [0, 1, 63, 64, 1000] {
                let values = Aligned::<T>::new(length);
                assert_eq!(values.as_ptr().addr() % LINE, 0, "{length} values");
                assert_eq!(values.len(), length);
            }
        }
        check::<u8>();
        check::<i16>();
        check::<i64>();
    }
}
