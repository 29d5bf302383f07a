//! The header of NumPy's array files: magic bytes, a version, a length, and a Python dictionary with the elements' type, their order and
//! the shape. <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>

use crate::data::sources::elements::{Array, Wrong};
use crate::data::sources::numbers::Kind;
use nn::{DType, Tensor};
use std::io::{ErrorKind, Read};

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// A header of plain arrays has some hundred bytes.
const LONGEST: usize = 1 << 16;
/// The elements begin at a multiple of this.
const ALIGNED: usize = 64;

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// With the axes from the last to the first, if they are in Fortran's order.
    pub(super) array: Array,
    pub(super) fortran: bool,
    /// Bytes before the elements.
    pub(super) len: u64,
}

impl Header {
    pub(super) fn read(mut input: impl Read) -> Result<Header, Wrong> {
        let mut exactly = |bytes: &mut [u8]| {
            input.read_exact(bytes).map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => {
                    Wrong::Content("it ends within its header; get it anew".to_owned())
                }
                _ => error.into(),
            })
        };
        let mut start = [0; 8];
        exactly(&mut start)?;
        if !start.starts_with(MAGIC) {
            let reason = format!("it begins with {:02x?}, a NumPy file with \x5cx93NUMPY", &start[..6]);
            return Err(Wrong::Content(reason));
        }
        let mut len = [0; 4];
        let width = match start[6] {
            1 => 2,
            2 | 3 => 4,
            other => {
                return Err(Wrong::Content(format!("its format is version {other}, and 1 to 3 are known")));
            }
        };
        exactly(&mut len[..width])?;
        let len = u32::from_le_bytes(len) as usize;
        if len > LONGEST {
            return Err(Wrong::Content(format!(
                "its header has {len} bytes, that of an array {LONGEST} at most"
            )));
        }
        let mut text = vec![0; len];
        exactly(&mut text)?;
        let (array, fortran) = parse(&text)?;
        Ok(Header { array, fortran, len: (8 + width + len) as u64 })
    }

    /// That of a tensor, as NumPy writes it.
    pub(super) fn of(x: &Tensor) -> Vec<u8> {
        let descr = match x.dtype() {
            DType::F32 => "<f4",
            DType::F64 => "<f8",
            DType::I64 => "<i8",
            DType::Bool => "|b1",
        };
        let dims: Vec<String> = x.shape().iter().map(usize::to_string).collect();
        let comma = if dims.len() == 1 { "," } else { "" };
        let shape = format!("({}{comma})", dims.join(", "));
        let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        while (10 + text.len() + 1) % ALIGNED > 0 {
            text.push(' ');
        }
        text.push('\n');
        [MAGIC, [1, 0].as_slice(), &(text.len() as u16).to_le_bytes(), text.as_bytes()].concat()
    }
}

/// The dictionary: three keys, in any order.
fn parse(text: &[u8]) -> Result<(Array, bool), String> {
    let (mut kind, mut fortran, mut dims) = (None, None, None);
    let mut rest = Literal(text);
    rest.expect(b'{')?;
    while !rest.take(b'}') {
        let key = rest.string()?;
        rest.expect(b':')?;
        match key.as_str() {
            "descr" if matches!(rest.peek(), Some(b'[' | b'(')) => {
                return Err("its elements are records; save each field as an array of its own".to_owned());
            }
            "descr" => kind = Some(element(&rest.string()?)?),
            "fortran_order" => fortran = Some(rest.truth()?),
            "shape" => dims = Some(rest.shape()?),
            other => return Err(format!("its header has {other:?}, which no array has")),
        }
        if !rest.take(b',') && rest.peek() != Some(b'}') {
            return Err(rest.unexpected("`,` or `}`"));
        }
    }
    let missing = |key: &str| format!("its header has no {key}");
    let (kind, big_endian) = kind.ok_or_else(|| missing("descr"))?;
    let fortran = fortran.ok_or_else(|| missing("fortran_order"))?;
    let mut dims: Vec<u64> = dims.ok_or_else(|| missing("shape"))?;
    // With one axis or none both orders are one.
    let fortran = fortran && dims.len() > 1;
    if fortran {
        dims.reverse();
    }
    Ok((Array::new(kind, big_endian, &dims)?, fortran))
}

/// A type of elements, and whether their bytes are big-endian.
fn element(descr: &str) -> Result<(Kind, bool), String> {
    let unknown = || {
        let why = match descr.trim_start_matches(['<', '>', '|', '=']).as_bytes().first() {
            Some(b'O') => "Python objects, which only Python reads; convert them to numbers",
            Some(b'c') => "complex numbers; save real and imaginary part as arrays of their own",
            Some(b'U' | b'S' | b'a') => {
                "texts; save numbers for them, from np.unique(x, return_inverse=True)"
            }
            Some(b'M' | b'm') => "times; save them as numbers of seconds",
            _ => "of a type that is not known here; save them as f4, f8, i8 or bool",
        };
        format!("its elements are {descr:?}, {why}")
    };
    let (order, name) = match descr.as_bytes() {
        [order @ (b'<' | b'>' | b'|' | b'='), ..] => (*order, &descr[1..]),
        _ => (b'=', descr),
    };
    let kind = match name {
        "b1" | "?" => Kind::Bool,
        "i1" => Kind::Signed(1),
        "i2" => Kind::Signed(2),
        "i4" => Kind::Signed(4),
        "i8" => Kind::Signed(8),
        "u1" => Kind::Unsigned(1),
        "u2" => Kind::Unsigned(2),
        "u4" => Kind::Unsigned(4),
        "u8" => Kind::Unsigned(8),
        "f2" => Kind::Float(2),
        "f4" => Kind::Float(4),
        "f8" => Kind::Float(8),
        _ => return Err(unknown()),
    };
    Ok((kind, order == b'>' || order == b'=' && cfg!(target_endian = "big")))
}

/// What is left of a Python literal.
struct Literal<'a>(&'a [u8]);

impl Literal<'_> {
    /// The next byte that is no space.
    fn peek(&mut self) -> Option<u8> {
        self.0 = self.0.trim_ascii_start();
        self.0.first().copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_it = self.peek() == Some(byte);
        if is_it {
            self.0 = &self.0[1..];
        }
        is_it
    }

    fn expect(&mut self, byte: u8) -> Result<(), String> {
        match self.take(byte) {
            true => Ok(()),
            false => Err(self.unexpected(&format!("`{}`", char::from(byte)))),
        }
    }

    /// In single or double quotes; the strings of a header have nothing to escape.
    fn string(&mut self) -> Result<String, String> {
        let quote = self.peek().filter(|byte| matches!(byte, b'\'' | b'"'));
        let quote = quote.ok_or_else(|| self.unexpected("a string"))?;
        let end = self.0[1..].iter().position(|&byte| byte == quote);
        let end = end.ok_or_else(|| self.unexpected("a string with an end"))?;
        let string = String::from_utf8_lossy(&self.0[1..][..end]).into_owned();
        self.0 = &self.0[end + 2..];
        Ok(string)
    }

    fn truth(&mut self) -> Result<bool, String> {
        self.peek();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.0.strip_prefix(word.as_bytes()) {
                self.0 = rest;
                return Ok(value);
            }
        }
        Err(self.unexpected("True or False"))
    }

    /// A tuple of sizes, in Python 2 with an L each.
    fn shape(&mut self) -> Result<Vec<u64>, String> {
        let mut dims = vec![];
        self.expect(b'(')?;
        while !self.take(b')') {
            self.peek();
            let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let size = str::from_utf8(&self.0[..digits]).ok().and_then(|digits| digits.parse().ok());
            dims.push(size.ok_or_else(|| self.unexpected("a size"))?);
            self.0 = &self.0[digits..];
            self.take(b'L');
            if !self.take(b',') && self.peek() != Some(b')') {
                return Err(self.unexpected("`,` or `)`"));
            }
        }
        Ok(dims)
    }

    fn unexpected(&self, expected: &str) -> String {
        let here = String::from_utf8_lossy(&self.0[..self.0.len().min(20)]);
        format!("its header has {here:?} where {expected} should be; is it damaged?")
    }
}
