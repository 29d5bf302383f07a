//! Functions of rows of numbers that compute in `f64`, so that each result is rounded about once.

pub(crate) mod cross_entropy;
pub(crate) mod softmax;
pub(crate) mod variance;

use crate::array::dtype::{DType, Element};
use crate::array::map::GRAIN;
use crate::array::shape::{Axes, OrPanic, Shape};
use crate::array::storage::Buffer;
use crate::array::tensor::Tensor;
use crate::array::tensor::wrong_type;
use crate::ops::number::{Number, larger};
use crate::runtime::math::{Float, exp_f64};
use crate::runtime::simd::vectorize;
use crate::runtime::threads::for_each_chunk_mut;

/// How many numbers of a row are combined side by side.
const LANES: usize = 8;

/// The lanes combined two by two, so that few wait for each other.
#[inline(always)]
fn combined<T: Copy>(mut lanes: [T; LANES], f: impl Fn(T, T) -> T) -> T {
    for half in [4, 2, 1] {
        for i in 0..half {
            lanes[i] = f(lanes[i], lanes[i + half]);
        }
    }
    lanes[0]
}

/// The largest number of a row, NaN if one is.
#[inline(always)]
pub(crate) fn largest<T: Number>(row: &[T]) -> T {
    let (chunks, rest) = row.as_chunks::<LANES>();
    let Some((&first, chunks)) = chunks.split_first() else {
        return row.iter().copied().reduce(larger).unwrap_or_default();
    };
    let mut lanes = first;
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, &x)| *lane = larger(*lane, x));
    }
    rest.iter().fold(combined(lanes, larger), |max, &x| larger(max, x))
}

/// What functions of rows need of a float type.
pub(crate) trait RowFloat: Float + Number + Element {
    /// The number itself.
    fn wide(self) -> f64;
    /// `self − origin`.
    fn distance(self, origin: Self) -> f64;
    /// Replaces each number by its exponential.
    fn exp_all(x: &mut [f64]);
    /// The sum, to the last digit of this type.
    fn sum(terms: &[f64]) -> f64;
    /// A sum of numbers from 0 to 1 from which on its digits are enough for this type also when 1 is taken away.
    const ENOUGH: f64;
}

impl RowFloat for f32 {
    const ENOUGH: f64 = 1.0 + 1e-6;
    #[inline(always)]
    fn exp_all(x: &mut [f64]) {
        vectorize(
            #[inline(always)]
            || x.iter_mut().for_each(|x| *x = exp_f64(*x)),
        );
    }
    #[inline(always)]
    fn distance(self, max: f32) -> f64 {
        self as f64 - max as f64
    }
    #[inline(always)]
    fn sum(terms: &[f64]) -> f64 {
        // In lanes, which the compiler keeps in vector registers.
        let (chunks, rest) = terms.as_chunks::<LANES>();
        let mut lanes = [0.0; LANES];
        for chunk in chunks {
            lanes.iter_mut().zip(chunk).for_each(|(lane, x)| *lane += x);
        }
        rest.iter().fold(combined(lanes, |x, y| x + y), |sum, x| sum + x)
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        self as f64
    }
}

impl RowFloat for f64 {
    const ENOUGH: f64 = f64::INFINITY;
    fn exp_all(x: &mut [f64]) {
        x.iter_mut().for_each(|x| *x = Float::exp(*x));
    }
    fn distance(self, max: f64) -> f64 {
        self - max
    }
    /// After Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen" (1974).
    fn sum(terms: &[f64]) -> f64 {
        let (sum, lost) = terms.iter().fold((0.0, 0.0), |(sum, lost): (f64, f64), &x| {
            let next = sum + x;
            let more = if sum.abs() >= x.abs() { (sum - next) + x } else { (x - next) + sum };
            // Infinities and NaN are in the sum itself.
            (next, lost + if next.is_finite() { more } else { 0.0 })
        });
        sum + lost
    }
    fn wide(self) -> f64 {
        self
    }
}

/// How many rows of so many numbers a task has.
pub(crate) fn rows_per_task(size: usize) -> usize {
    (GRAIN / 4 / size.max(1)).max(1)
}

/// Fills `out` from `N` operands: `f(parts of them, the size of a row, out)`. A reference, so that the loop over tasks is compiled
/// once for all.
type RowKernel<'a, T, const N: usize> = &'a (dyn Fn([&[T]; N], usize, &mut [T]) + Sync);

/// Operands with the axes that make the rows last, in row-major order.
pub(crate) struct Rows<const N: usize> {
    data: [Tensor; N],
    /// Which axis of the operands each axis is.
    order: Vec<isize>,
    /// How many numbers a row has.
    size: usize,
}

impl<const N: usize> Rows<N> {
    /// Of operands of one shape.
    #[track_caller]
    pub(crate) fn of(op: &'static str, x: [&Tensor; N], axes: &Axes) -> Rows<N> {
        let shape = x[0].shape();
        if !x[0].dtype().is_float() {
            panic!("{}", wrong_type(op, x[0], "floats"));
        }
        x.iter().try_for_each(|other| other.expect_dtype(op, x[0].dtype())).or_panic();
        let set = axes.resolve(op, &shape).or_panic();
        let part = |chosen: bool| (0..shape.len()).filter(move |&i| set[i] == chosen).map(|i| i as isize);
        let order: Vec<isize> = part(false).chain(part(true)).collect();
        let size = part(true).map(|i| shape[i as usize]).product();
        Rows { data: x.map(|x| x.permute(&order).contiguous()), order, size }
    }

    /// `width` numbers for each row. There are some rows.
    fn run<T: RowFloat>(&self, width: usize, kernel: RowKernel<'_, T, N>) -> Buffer<T> {
        let x = self.data.each_ref().map(|x| x.as_slice::<T>().unwrap_or_default());
        let rows = rows_per_task(self.size);
        let mut out = Buffer::uninit(x[0].len() / self.size * width);
        for_each_chunk_mut(&mut out, rows * width, |task, out| {
            let part = task * rows * self.size;
            kernel(x.map(|x| &x[part..part + out.len() / width * self.size]), self.size, out);
        });
        out
    }

    /// A number for each element, by a kernel for either type.
    #[track_caller]
    pub(crate) fn map(self, single: RowKernel<'_, f32, N>, double: RowKernel<'_, f64, N>) -> Tensor {
        let shape = self.data[0].shape();
        let y = match self.data[0].dtype() {
            _ if shape.numel() == 0 => self.data[0].clone(),
            DType::F32 => Tensor::from_buffer(self.run(self.size, single), shape),
            _ => Tensor::from_buffer(self.run(self.size, double), shape),
        };
        let mut back = vec![0; self.order.len()];
        self.order.iter().enumerate().for_each(|(to, &from)| back[from as usize] = to as isize);
        y.permute(back)
    }

    /// A number for each row, `empty` if they have none, as a tensor of this shape.
    #[track_caller]
    pub(crate) fn reduce(
        self,
        shape: Shape,
        empty: f64,
        single: RowKernel<'_, f32, N>,
        double: RowKernel<'_, f64, N>,
    ) -> Tensor {
        match self.data[0].dtype() {
            dtype if self.data[0].numel() == 0 => Tensor::full(shape, empty, dtype),
            DType::F32 => Tensor::from_buffer(self.run(1, single), shape),
            _ => Tensor::from_buffer(self.run(1, double), shape),
        }
    }
}
