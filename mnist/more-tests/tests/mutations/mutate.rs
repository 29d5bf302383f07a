//! Files that are nearly right: valid ones, changed at random by a seed.

/// SplitMix64 (Steele, Lea, Flood 2014): one addition and three mixing steps a number, from any seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// From 0 to `n - 1`; 0 if `n` is 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }
}

/// Numbers at which readers trip: the ends of ranges, signs, powers of two.
const NUMBERS: [u64; 16] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0x8000,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0xffff_ffff,
    0x1_0000_0000,
    i64::MAX as u64,
    u64::MAX,
];

/// Texts at which readers of text trip.
const TEXTS: [&str; 16] = [
    "0",
    "-1",
    "1e999",
    "-0.0",
    "NaN",
    "null",
    "18446744073709551615",
    "99999999999999999999999999",
    "{",
    "}]",
    "\"",
    "\\u0000",
    ",",
    "\n",
    "\u{fffd}é",
    "((((",
];

/// Longer ones say nothing more, and take longer.
const LONGEST: usize = 1 << 16;

/// One of the files with one to eight changes.
pub(crate) fn mutated(files: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = files[dice.below(files.len())].clone();
    for _ in 0..1 << dice.below(4) {
        change(&mut bytes, files, dice);
    }
    bytes.truncate(LONGEST);
    bytes
}

fn change(bytes: &mut Vec<u8>, files: &[Vec<u8>], dice: &mut Dice) {
    let at = dice.below(bytes.len() + 1);
    // Headers are where a change tells.
    let at = if dice.below(3) == 0 { at.min(dice.below(64)) } else { at };
    let most = 1 << dice.below(10);
    let len = dice.below(most).min(bytes.len() - at);
    match dice.below(11) {
        0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
        1 if at < bytes.len() => bytes[at] = dice.bits() as u8,
        2 => {
            let (number, width) = (NUMBERS[dice.below(NUMBERS.len())], 1 << dice.below(4));
            let little = number.wrapping_add(dice.below(3) as u64).to_le_bytes();
            let mut number = little[..width].to_vec();
            if dice.below(2) == 0 {
                number.reverse();
            }
            overwrite(bytes, at, &number);
        }
        3 => bytes.truncate(at),
        4 => bytes.extend((0..len + 1).map(|_| dice.bits() as u8)),
        5 => drop(bytes.drain(at..at + len)),
        6 => {
            let block = bytes[at..at + len].repeat(1 + dice.below(4));
            bytes.splice(at..at, block);
        }
        7 => {
            let other = dice.below(bytes.len() + 1 - len);
            let (a, b) = (at.min(other), at.max(other));
            if a + len <= b {
                let (left, right) = bytes.split_at_mut(b);
                left[a..a + len].swap_with_slice(&mut right[..len]);
            }
        }
        8 => {
            let other = &files[dice.below(files.len())];
            bytes.truncate(at);
            bytes.extend(&other[dice.below(other.len() + 1)..]);
        }
        9 => {
            let text = TEXTS[dice.below(TEXTS.len())].as_bytes();
            let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            bytes.splice(at..at + digits, text.iter().copied());
        }
        _ => {
            let byte = bytes.get(at).copied().unwrap_or(b'0');
            bytes.splice(at..at, std::iter::repeat_n(byte, len));
        }
    }
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    bytes[at..].iter_mut().zip(with).for_each(|(byte, with)| *byte = *with);
}
