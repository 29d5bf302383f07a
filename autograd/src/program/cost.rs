//! The cost model of fusion: bytes that move between memory and the caches. A function of numbers that are in the first-level cache
//! costs as much as reading its result, so computing a value costs a group its `b` bytes too.
//!
//! A value of `b` bytes, computed from inputs of `r` bytes in all, is read by `n` groups of operations. Group `g` would have to read
//! `m_g` bytes besides what it reads anyway to compute the value itself. Then
//!
//! ```text
//! cost(a step of its own) = r + w + n·b      w = b where the result is written over an input that dies, else 2·b
//! cost(in each group)     = Σ m_g + n·b
//! ```
//!
//! since memory is read before it is written. With one group the second is never larger. A value that has a step of its own for another
//! reason is computed once more in the groups where `b ≥ FAR` and `m_g < b`. An epilogue saves writing and reading a kernel's
//! result; it pays where that would have left the cache: `b ≥ FAR`.

/// As many bytes as no longer lie in a core's cache when they are needed, where reading takes ten times as long.
const FAR: usize = 1 << 20;

/// Whether a step of its own costs no more than computing the value in each group: `more` is `m_g` of each.
pub(super) fn pays_alone(bytes: usize, read: usize, is_in_place: bool, more: &[usize]) -> bool {
    let readers = more.len() * bytes;
    let alone = read + if is_in_place { bytes } else { 2 * bytes } + readers;
    let together = more.iter().sum::<usize>() + readers;
    together >= alone
}

/// Whether a group rather computes a value again, reading so many bytes more, than reads it.
pub(super) fn is_rather_computed(bytes: usize, more: usize) -> bool {
    bytes >= FAR && more < bytes
}

/// Whether an epilogue pays for a kernel's result of so many bytes.
pub(super) fn pays_as_epilogue(bytes: usize) -> bool {
    bytes >= FAR
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rectifier of a normalised batch, read by two: from the cache it is read, else computed from what both read anyway.
    #[test]
    fn what_is_read_anyway_is_not_written_for_two() {
        let b = 1 << 22;
        assert!(!pays_alone(b, b, false, &[0, 0]));
        // Each would have to read the input besides: twice the input against reading it once and writing.
        assert!(!pays_alone(b, b, false, &[b, b]));
        assert!(pays_alone(b, b, true, &[b, b]));
        assert!(pays_alone(b, b, false, &[b, b, b]));
        assert!(is_rather_computed(b, b - 1) && !is_rather_computed(b, b) && !is_rather_computed(FAR - 1, 0));
        assert!(pays_as_epilogue(FAR) && !pays_as_epilogue(FAR - 1));
    }
}
