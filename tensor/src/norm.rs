//! Batch normalisation: a few passes over memory, forward and backward.

use crate::buffer::Buffer;
use crate::dtype::{Element, for_float};
use crate::map::GRAIN;
use crate::math::Float;
use crate::parallel::for_each_chunk_mut;
use crate::shape::{OrPanic, Shape, ShapeError};
use crate::simd::vectorize;
use crate::tensor::Tensor;

/// The rule of `moments`: from `[…, channels]` to `[2, channels]`.
///
/// # Errors
/// If there is no last axis.
pub fn moments_shape(x: Shape) -> Result<Shape, ShapeError> {
    match x.last() {
        Some(&channels) => Shape::of(&[2, channels], "moments"),
        None => Err(ShapeError::new(
            "moments",
            format!("{x} is a single number without channels; the last axis is theirs"),
        )),
    }
}

/// The rule of `normalize_grad`: the gradient is like the images, mean and factor are a number for each channel.
///
/// # Errors
/// If they are not.
pub fn normalize_grad_shape([x, mean, factor, dy]: [Shape; 4]) -> Result<Shape, ShapeError> {
    let channels: Shape = x.last().copied().into_iter().collect();
    if x.is_empty() || dy != x || mean != channels || factor != channels {
        return Err(ShapeError::new(
            "normalize_grad",
            format!(
                "{x} with mean {mean}, factor {factor} and gradient {dy}: they must be {channels}, {channels} and {x}"
            ),
        ));
    }
    Ok(x)
}

/// Rows a task takes; fixed by the shape, so that sums are too.
fn rows_per_task(channels: usize) -> usize {
    (GRAIN / channels.max(1)).max(1)
}

/// Numbers handled together: so many channels of one row, or of several rows if the channels are few. What is added up
/// for each of them stays in the first-level cache.
const TOGETHER: usize = 256;

/// Rows whose channels are handled together.
fn rows_together(channels: usize) -> usize {
    (TOGETHER / channels.max(1)).max(1)
}

/// What belongs to each channel, side by side for the rows that are handled together.
fn laid_out<T: Element>(param: &[T]) -> Buffer<T> {
    let mut out = Buffer::uninit(param.len() * rows_together(param.len()));
    out.chunks_exact_mut(param.len()).for_each(|row| row.copy_from_slice(param));
    out
}

/// Writes to each of the `S` rows of channels in `sums` the sum over all rows of one of the numbers that
/// `f(a, b, parameters of the channel)` gives. The parameters are laid out.
#[inline(always)]
fn add_columns<T: Float + Element, const P: usize, const S: usize>(
    (a, b): (&[T], &[T]),
    channels: usize,
    params: [&[T]; P],
    sums: &mut [T],
    f: impl Fn(T, T, [T; P]) -> [T; S] + Copy,
) {
    let width = channels * rows_together(channels);
    let mut totals = Buffer::full(S * width, T::default());
    vectorize(
        #[inline(always)]
        || {
            for (a, b) in a.chunks(width).zip(b.chunks(width)) {
                let n = a.len();
                let (a, b, params) = (&a[..n], &b[..n], params.map(|p| &p[..n]));
                let mut rows = totals.chunks_exact_mut(width);
                let totals: [&mut [T]; S] = std::array::from_fn(|_| match rows.next() {
                    Some(row) => &mut row[..n],
                    None => unreachable!("there are {S} rows of sums"),
                });
                for i in 0..n {
                    let terms = f(a[i], b[i], params.map(|p| p[i]));
                    for s in 0..S {
                        totals[s][i] += terms[s];
                    }
                }
            }
        },
    );
    for (sums, totals) in sums.chunks_exact_mut(channels).zip(totals.chunks_exact(width)) {
        let (first, rest) = totals.split_at(channels);
        sums.copy_from_slice(first);
        for row in rest.chunks_exact(channels) {
            sums.iter_mut().zip(row).for_each(|(s, &x)| *s += x);
        }
    }
}

/// For each channel, the sums over all rows of the `S` numbers that `f(a, b, parameters of the channel)` gives, `S` rows
/// of channels.
fn column_sums<T: Float + Element, const P: usize, const S: usize>(
    (a, b): (&[T], &[T]),
    channels: usize,
    params: [&[T]; P],
    f: impl Fn(T, T, [T; P]) -> [T; S] + Copy + Sync,
) -> Buffer<T> {
    let rows = rows_per_task(channels);
    let tasks = (a.len() / channels).div_ceil(rows);
    let params = params.map(laid_out);
    let mut partial = Buffer::uninit(tasks * S * channels);
    for_each_chunk_mut(&mut partial, S * channels, |task, sums| {
        let range = task * rows * channels..((task + 1) * rows * channels).min(a.len());
        let data = (&a[range.clone()], &b[range]);
        add_columns(data, channels, params.each_ref().map(|p| &p[..]), sums, f);
    });
    let mut total = Buffer::full(S * channels, T::default());
    for sums in partial.chunks_exact(S * channels) {
        total.iter_mut().zip(sums).for_each(|(t, &x)| *t += x);
    }
    total
}

/// `out = f(a, b, parameters of the channel)`.
fn map_columns<T: Float + Element, const P: usize>(
    (a, b): (&[T], &[T]),
    channels: usize,
    params: [&[T]; P],
    f: impl Fn(T, T, [T; P]) -> T + Copy + Sync,
) -> Buffer<T> {
    let mut out = Buffer::uninit(a.len());
    let len = rows_per_task(channels) * channels;
    let width = channels * rows_together(channels);
    let params = params.map(laid_out);
    for_each_chunk_mut(&mut out, len, |task, out| {
        let (a, b) = (&a[task * len..][..out.len()], &b[task * len..][..out.len()]);
        vectorize(
            #[inline(always)]
            || {
                for (out, (a, b)) in out.chunks_mut(width).zip(a.chunks(width).zip(b.chunks(width))) {
                    let n = out.len();
                    let (a, b, params) = (&a[..n], &b[..n], params.each_ref().map(|p| &p[..n]));
                    for i in 0..n {
                        out[i] = f(a[i], b[i], params.map(|p| p[i]));
                    }
                }
            },
        );
    });
    out
}

/// Mean and biased variance of every channel, one row each.
fn moments<T: Float + Element>(x: &[T], channels: usize) -> Buffer<T> {
    let rows = rows_per_task(channels);
    let tasks = (x.len() / channels).div_ceil(rows);
    // The mean of each part, and the squares around that, while the part is in the cache.
    let mut parts = Buffer::uninit(tasks * 2 * channels);
    for_each_chunk_mut(&mut parts, 2 * channels, |task, part| {
        let data = &x[task * rows * channels..((task + 1) * rows * channels).min(x.len())];
        let (mean, squares) = part.split_at_mut(channels);
        add_columns(
            (data, data),
            channels,
            [],
            mean,
            #[inline(always)]
            |x, _, []| [x],
        );
        let n = T::from_f64((data.len() / channels) as f64);
        mean.iter_mut().for_each(|mean| *mean = *mean / n);
        let mean = laid_out(mean);
        add_columns(
            (data, data),
            channels,
            [&mean],
            squares,
            #[inline(always)]
            |x, _, [mean]| [(x - mean) * (x - mean)],
        );
    });
    // Two parts together: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm …" (1979).
    let mut total = Buffer::full(2 * channels, T::default());
    let (mean, squares) = total.split_at_mut(channels);
    let mut before = 0.0;
    for (task, part) in parts.chunks_exact(2 * channels).enumerate() {
        let n = (x.len() / channels - task * rows).min(rows) as f64;
        let share = T::from_f64(n / (before + n));
        let weight = T::from_f64(before * n / (before + n));
        for c in 0..channels {
            let distance = part[c] - mean[c];
            mean[c] += distance * share;
            squares[c] += part[channels + c] + distance * distance * weight;
        }
        before += n;
    }
    squares.iter_mut().for_each(|s| *s = *s / T::from_f64(before));
    total
}

fn normalized_grad<T: Float + Element>(x: &[T], mean: &[T], factor: &[T], dy: &[T]) -> Buffer<T> {
    let channels = mean.len();
    let n = T::from_f64((x.len() / channels) as f64);
    let mut sums = column_sums(
        (x, dy),
        channels,
        [mean, factor],
        #[inline(always)]
        |x, dy, [mean, factor]| [dy, dy * ((x - mean) * factor)],
    );
    sums.iter_mut().for_each(|s| *s = *s / n);
    let (sum, product) = sums.split_at(channels);
    map_columns(
        (x, dy),
        channels,
        [mean, factor, sum, product],
        #[inline(always)]
        |x, dy, [mean, factor, sum, product]| factor * (dy - sum - (x - mean) * factor * product),
    )
}

impl Tensor {
    /// The mean and the biased variance of every channel (the last axis) over all other axes: `[2, channels]`. Of no
    /// numbers they are NaN.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let moments = Tensor::from([[1.0_f64, 5.0], [3.0, 5.0]]).moments();
    /// assert_eq!(moments, Tensor::from([[2.0_f64, 5.0], [1.0, 0.0]]));
    /// ```
    ///
    /// # Panics
    /// If there is no last axis or the elements are not floats.
    #[track_caller]
    pub fn moments(&self) -> Tensor {
        let shape = moments_shape(self.shape()).or_panic();
        let x = self.contiguous();
        for_float!(self.dtype(), T => match x.as_slice::<T>() {
            Some(data) if !data.is_empty() => Tensor::from_buffer(moments(data, shape[1]), shape),
            _ => Tensor::full(shape, f64::NAN, self.dtype()),
        }, else panic!("moments: {} holds {}, not floats; convert it with .to(…)", self.shape(), self.dtype()))
    }

    /// The gradient at `self` of `(x − mean) · factor`, `mean` being that of each channel and `factor` the inverse of its
    /// deviation, through both of them too, for the gradient `dy` of the result `y`:
    /// `factor · (dy − mean(dy) − y · mean(dy · y))`.
    ///
    /// # Panics
    /// If the shape of `dy` is not that of `self`, that of `mean` or `factor` not `[channels]`, or the types are not one
    /// float.
    #[track_caller]
    pub fn normalize_grad(&self, mean: &Tensor, factor: &Tensor, dy: &Tensor) -> Tensor {
        normalize_grad_shape([self, mean, factor, dy].map(Tensor::shape)).or_panic();
        for other in [mean, factor, dy] {
            other.expect_dtype("normalize_grad", self.dtype()).or_panic();
        }
        let [x, mean, factor, dy] = [self, mean, factor, dy].map(Tensor::contiguous);
        for_float!(self.dtype(), T => {
            match (x.as_slice::<T>(), mean.as_slice(), factor.as_slice(), dy.as_slice()) {
                (Some(x), Some(mean), Some(factor), Some(dy)) if !x.is_empty() => {
                    Tensor::from_buffer(normalized_grad(x, mean, factor, dy), self.shape())
                }
                _ => dy,
            }
        }, else panic!("normalize_grad: {} holds {}, not floats", self.shape(), self.dtype()))
    }
}

#[cfg(test)]
mod tests {
    use crate::{DType, Rng, Tensor};

    #[test]
    fn follows_the_definition() {
        let rng = &mut Rng::new(1);
        for shape in [[1000, 7, 24], [3, 1, 1], [5, 4, 300], [40, 3, 7]] {
            let x = Tensor::normal(shape, 3.0, 2.0, DType::F64, rng);
            let (mean, variance) = (x.mean([0, 1]), x.var([0, 1], 0));
            let moments = x.moments();
            assert!((moments.narrow(0, 0, 1) - &mean).abs().max(..).item() < 1e-12);
            assert!((moments.narrow(0, 1, 1) - &variance).abs().max(..).item() < 1e-12);
            let factor = (variance + 1e-3).sqrt().recip();
            let y = (&x - &mean) * &factor;
            let dy = Tensor::normal(x.shape(), 0.0, 1.0, DType::F64, rng);
            let along = y.mul(&dy).mean([0, 1]);
            let grad = (&dy - dy.mean([0, 1]) - &y * along) * &factor;
            assert!((x.normalize_grad(&mean, &factor, &dy) - grad).abs().max(..).item() < 1e-12);
        }
    }

    /// The difference of two large sums would lose all digits of such a variance.
    #[test]
    fn a_small_variance_far_from_zero_keeps_its_digits() {
        let x = Tensor::normal([100_000, 3], 1000.0, 0.1, DType::F32, &mut Rng::new(2));
        let exact = x.to(DType::F64).var(0, 0);
        let found = x.moments().narrow(0, 1, 1).to(DType::F64);
        assert!((found / exact - 1.0).abs().max(..).item() < 1e-3);
    }
}
