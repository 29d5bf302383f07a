//! The element types a tensor can hold.

use crate::array::storage::{Buffer, FreeList, Pooled};
use std::fmt;

/// The type of a tensor's elements, known at run time.
///
/// ```
/// use tensor::{DType, Tensor};
/// assert_eq!(Tensor::zeros([2, 3], DType::F64).dtype(), DType::F64);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum DType {
    /// 32-bit IEEE floating point, what models train in.
    F32,
    /// 64-bit IEEE floating point, what gradients are checked in.
    F64,
    /// 64-bit signed integers: labels, indices, counts.
    I64,
    /// Truth values, from comparisons.
    Bool,
}

impl DType {
    /// Whether this is a floating-point type, the only kind that has gradients.
    #[inline]
    pub const fn is_float(self) -> bool {
        matches!(self, DType::F32 | DType::F64)
    }

    /// Whether an element can be this number: a float always can, if not to the last digit; an `i64` only if it is whole
    /// and in range, a `bool` if it is 0 or 1.
    ///
    /// ```
    /// use tensor::DType;
    /// assert!(DType::F32.holds(0.5) && DType::I64.holds(-3.0));
    /// assert!(!DType::I64.holds(0.5) && !DType::Bool.holds(2.0));
    /// ```
    pub fn holds(self, number: f64) -> bool {
        // 2^63 is the first whole number beyond, and exact as a float.
        let end = -(i64::MIN as f64);
        match self {
            DType::F32 | DType::F64 => true,
            DType::I64 => number.fract() == 0.0 && (-end..end).contains(&number),
            DType::Bool => number == 0.0 || number == 1.0,
        }
    }

    /// The size of one element in bytes.
    pub fn size(self) -> usize {
        match self {
            DType::F32 => 4,
            DType::F64 | DType::I64 => 8,
            DType::Bool => 1,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::I64 => "i64",
            DType::Bool => "bool",
        })
    }
}

/// A Rust type that can be an element of a [`Tensor`](crate::Tensor): `f32`, `f64`, `i64` and `bool`.
///
/// The trait is sealed: the set of element types is closed, and code outside this crate uses it only as a bound.
pub trait Element:
    Copy + Default + PartialEq + PartialOrd + fmt::Debug + Send + Sync + 'static + Pooled + Stored
{
    /// The run-time name of this type.
    const DTYPE: DType;
}

/// How an element type converts and is stored; public in name only, to seal [`Element`].
pub trait Stored: Sized {
    #[doc(hidden)]
    fn buffer(storage: &Storage) -> Option<&Buffer<Self>>
    where
        Self: Element;
    #[doc(hidden)]
    fn buffer_mut(storage: &mut Storage) -> Option<&mut Buffer<Self>>
    where
        Self: Element;
    #[doc(hidden)]
    fn storage(buffer: Buffer<Self>) -> Storage
    where
        Self: Element;
    #[doc(hidden)]
    fn to_f32(self) -> f32;
    #[doc(hidden)]
    fn to_f64(self) -> f64;
    #[doc(hidden)]
    fn to_i64(self) -> i64;
    #[doc(hidden)]
    fn to_bool(self) -> bool;
    #[doc(hidden)]
    fn cast<A: Element>(value: A) -> Self;
}

macro_rules! element {
    ($type:ident, $dtype:ident, $to:ident, f32: $f32:expr, f64: $f64:expr, i64: $i64:expr, bool: $bool:expr) => {
        impl Element for $type {
            const DTYPE: DType = DType::$dtype;
        }

        impl Pooled for $type {
            fn free_list() -> &'static std::thread::LocalKey<std::cell::RefCell<FreeList<$type>>> {
                thread_local! {
                    static FREE: std::cell::RefCell<FreeList<$type>> = const {
                        std::cell::RefCell::new(FreeList::new())
                    };
                }
                &FREE
            }
        }

        impl Stored for $type {
            fn buffer(storage: &Storage) -> Option<&Buffer<$type>> {
                if let Storage::$dtype(buffer) = storage { Some(buffer) } else { None }
            }
            fn buffer_mut(storage: &mut Storage) -> Option<&mut Buffer<$type>> {
                if let Storage::$dtype(buffer) = storage { Some(buffer) } else { None }
            }
            fn storage(buffer: Buffer<$type>) -> Storage {
                Storage::$dtype(buffer)
            }
            #[inline(always)]
            fn to_f32(self) -> f32 {
                let convert: fn($type) -> f32 = $f32;
                convert(self)
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                let convert: fn($type) -> f64 = $f64;
                convert(self)
            }
            #[inline(always)]
            fn to_i64(self) -> i64 {
                let convert: fn($type) -> i64 = $i64;
                convert(self)
            }
            #[inline(always)]
            fn to_bool(self) -> bool {
                let convert: fn($type) -> bool = $bool;
                convert(self)
            }
            #[inline(always)]
            fn cast<A: Element>(value: A) -> $type {
                value.$to()
            }
        }
    };
}

element!(f32, F32, to_f32, f32: |x| x, f64: |x| x as f64, i64: |x| x as i64, bool: |x| x != 0.0);
element!(f64, F64, to_f64, f32: |x| x as f32, f64: |x| x, i64: |x| x as i64, bool: |x| x != 0.0);
element!(i64, I64, to_i64, f32: |x| x as f32, f64: |x| x as f64, i64: |x| x, bool: |x| x != 0);
element!(bool, Bool, to_bool, f32: |x| x as u8 as f32, f64: |x| x as u8 as f64, i64: |x| x as i64, bool: |x| x);

/// The buffer of a tensor, of any element type.
#[derive(Clone, Debug)]
pub enum Storage {
    /// See [`DType::F32`].
    F32(Buffer<f32>),
    /// See [`DType::F64`].
    F64(Buffer<f64>),
    /// See [`DType::I64`].
    I64(Buffer<i64>),
    /// See [`DType::Bool`].
    Bool(Buffer<bool>),
}

impl Storage {
    #[inline]
    pub(crate) fn dtype(&self) -> DType {
        match self {
            Storage::F32(_) => DType::F32,
            Storage::F64(_) => DType::F64,
            Storage::I64(_) => DType::I64,
            Storage::Bool(_) => DType::Bool,
        }
    }

    /// Where the buffer is in memory; equal for two tensors that share it.
    pub(crate) fn address(&self) -> usize {
        match self {
            Storage::F32(b) => b.address(),
            Storage::F64(b) => b.address(),
            Storage::I64(b) => b.address(),
            Storage::Bool(b) => b.address(),
        }
    }
}

/// Runs `$body` with `$type` standing for the Rust type of `$dtype`, any of the four.
macro_rules! for_any {
    ($dtype:expr, $type:ident => $body:expr) => {
        match $dtype {
            $crate::DType::F32 => {
                type $type = f32;
                $body
            }
            $crate::DType::F64 => {
                type $type = f64;
                $body
            }
            $crate::DType::I64 => {
                type $type = i64;
                $body
            }
            $crate::DType::Bool => {
                type $type = bool;
                $body
            }
        }
    };
}

/// Runs `$body` with `$type` standing for `f32` or `f64`; `$else` runs for the other element types.
macro_rules! for_float {
    ($dtype:expr, $type:ident => $body:expr, else $else:expr) => {
        match $dtype {
            $crate::DType::F32 => {
                type $type = f32;
                $body
            }
            $crate::DType::F64 => {
                type $type = f64;
                $body
            }
            _ => $else,
        }
    };
}

/// Runs `$body` with `$type` standing for `f32`, `f64` or `i64`; `$else` runs for `bool`.
macro_rules! for_number {
    ($dtype:expr, $type:ident => $body:expr, else $else:expr) => {
        match $dtype {
            $crate::DType::I64 => {
                type $type = i64;
                $body
            }
            other => $crate::array::dtype::for_float!(other, $type => $body, else $else),
        }
    };
}

pub(crate) use {for_any, for_float, for_number};
