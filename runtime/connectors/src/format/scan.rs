//! Finds the byte at which something ends, eight bytes at a time.

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Bytes to stop at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stops {
    /// Each of them in all bytes of a word.
    any: [u64; 4],
    /// All bytes below this one, too.
    below: u8,
}

impl Stops {
    /// At any of these, and at bytes below `below` (at most 128).
    pub(crate) const fn new(any: [u8; 4], below: u8) -> Self {
        let [a, b, c, d] = any;
        Self { any: [a as u64 * LOW, b as u64 * LOW, c as u64 * LOW, d as u64 * LOW], below }
    }

    /// Position of the first of them.
    pub(crate) fn find(&self, text: &[u8]) -> Option<usize> {
        let (words, rest) = text.as_chunks::<8>();
        let low = u64::from(self.below) * LOW;
        // The high bit of each byte that is hit. A borrow can set more of them, but only above one that is right.
        let hits = |word: u64| {
            let equal = self.any.iter().fold(0, |hits, stop| {
                let zero = word ^ stop;
                hits | (zero.wrapping_sub(LOW) & !zero)
            });
            (equal | (word.wrapping_sub(low) & !word)) & HIGH
        };
        for (at, word) in words.iter().enumerate() {
            let hits = hits(u64::from_le_bytes(*word));
            if hits != 0 {
                return Some(at * 8 + (hits.trailing_zeros() / 8) as usize);
            }
        }
        let is_stop = |byte: &u8| *byte < self.below || self.any.contains(&(u64::from(*byte) * LOW));
        rest.iter().position(is_stop).map(|at| words.len() * 8 + at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_loop_finds(text in proptest::collection::vec(0u8..=255, 0..40), any: [u8; 4], below in 0u8..=128) {
            let expected = text.iter().position(|b| any.contains(b) || *b < below);
            prop_assert_eq!(Stops::new(any, below).find(&text), expected);
        }
    }
}
