//! Where does a packed table lie? In large pages, where the system has them: look-ups go all over a table of megabytes, and
//! the processor remembers where a few hundred pages lie, which would be a small part of it if they were small.

use std::{marker::PhantomData, mem::MaybeUninit, ops::Deref, slice};

/// A large page of x86, as memory for anything.
#[repr(align(0x20_0000))]
struct Page {
    _memory: [MaybeUninit<u8>; 0x20_0000],
}

/// The rows or cells of a table, in memory of their own.
pub struct Pages<T> {
    /// Its capacity holds the values, and it no pages.
    memory: Vec<Page>,
    count: usize,
    values: PhantomData<T>,
}

impl<T: Copy> Pages<T> {
    pub fn new(values: impl ExactSizeIterator<Item = T>) -> Self {
        let bytes = size_of::<T>() * values.len();
        let mut memory = Vec::with_capacity(bytes.div_ceil(size_of::<Page>()));
        prefer_large_pages(memory.spare_capacity_mut());
        let first = memory.as_mut_ptr().cast::<MaybeUninit<T>>();
        // SAFETY: the capacity has room for so many, which need not be initialised, and pages are aligned to more than they.
        let room = unsafe { slice::from_raw_parts_mut(first, values.len()) };
        let mut count = 0;
        for (to, value) in room.iter_mut().zip(values) {
            to.write(value);
            count += 1;
        }
        Self {
            memory,
            count,
            values: PhantomData,
        }
    }
}

impl<T> Deref for Pages<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `new` has written so many there, and nothing changes them.
        unsafe { slice::from_raw_parts(self.memory.as_ptr().cast(), self.count) }
    }
}

/// Asks for large pages before the memory is first written, which is when it gets pages.
#[cfg(target_os = "linux")]
fn prefer_large_pages(memory: &mut [MaybeUninit<Page>]) {
    let (start, length) = (memory.as_mut_ptr().cast(), size_of_val(memory));
    // SAFETY: the advice is on whole pages of ours, and changes nothing of what is in them. Not to follow it is no error here.
    unsafe { libc::madvise(start, length, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn prefer_large_pages(_: &mut [MaybeUninit<Page>]) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_in_their_order() {
        for count in [0, 1, 7, 1 << 16, (1 << 19) + 1] {
            let pages = Pages::new((0..count).map(|number: u32| [number, !number]));
            assert_eq!(pages.len(), count as usize);
            let numbers = pages.iter().zip(0..);
            assert!(
                numbers
                    .into_iter()
                    .all(|(found, number)| *found == [number, !number])
            );
        }
    }
}
