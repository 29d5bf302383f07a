//! Batch normalisation: a few passes over memory, forward and backward.

use crate::buffer::Buffer;
use crate::dtype::{Element, for_float};
use crate::map::GRAIN;
use crate::math::Float;
use crate::parallel::for_each_chunk_mut;
use crate::shape::{OrPanic, Shape, ShapeError};
use crate::simd::vectorize;
use crate::tensor::Tensor;

/// The rule of batch normalisation: `[…, channels]`, and no more.
///
/// # Errors
/// If there is no last axis.
pub fn batch_norm_shape(x: Shape) -> Result<Shape, ShapeError> {
    if x.is_empty() {
        return Err(ShapeError::new(
            "batch_norm",
            "a single number has no channels; the last axis is theirs",
        ));
    }
    Ok(x)
}

#[track_caller]
fn check_eps(op: &str, eps: f64) {
    if !(eps >= 0.0 && eps.is_finite()) {
        panic!("{op}: eps is {eps}; it is added to a variance and must be finite and not negative");
    }
}

/// `[rows, channels]` of a tensor whose last axis is the channels.
fn rows_and_channels(x: &Tensor) -> (usize, usize) {
    let channels = x.shape().last().copied().unwrap_or(1);
    (x.count() / channels.max(1), channels)
}

/// Rows a task takes; fixed by the shape, so that sums are too.
fn rows_per_task(channels: usize) -> usize {
    (GRAIN / channels.max(1)).max(1)
}

/// Channels handled together: as many as fill vector registers and leave room for several sums.
const LANES: usize = 8;

/// `N` neighbouring elements.
#[inline(always)]
fn lanes<T, const N: usize>(data: &[T], at: usize) -> &[T; N] {
    match data[at..at + N].first_chunk() {
        Some(lanes) => lanes,
        None => unreachable!("the slice has {N} elements"),
    }
}

/// Adds to `sums`, `S` rows of channels, what `f(a, b, parameters of the channel)` gives for channels
/// `first..first + N` of every row.
#[inline(always)]
fn add_columns<T: Float + Element, const N: usize, const P: usize, const S: usize>(
    (a, b): (&[T], &[T]),
    channels: usize,
    first: usize,
    params: [&[T]; P],
    sums: &mut [T],
    f: impl Fn(T, T, [T; P]) -> [T; S],
) {
    let params = params.map(|p| *lanes::<T, N>(p, first));
    let mut total = [[T::default(); N]; S];
    for row in 0..a.len() / channels {
        let (a, b) = (lanes::<T, N>(a, row * channels + first), lanes::<T, N>(b, row * channels + first));
        for c in 0..N {
            let terms = f(a[c], b[c], params.map(|p| p[c]));
            for s in 0..S {
                total[s][c] += terms[s];
            }
        }
    }
    for s in 0..S {
        sums[s * channels + first..][..N].copy_from_slice(&total[s]);
    }
}

/// For each channel, the sums over all rows of the `S` numbers that `f(a, b, parameters of the channel)` gives.
fn column_sums<T: Float + Element, const P: usize, const S: usize>(
    (a, b): (&[T], &[T]),
    channels: usize,
    params: [&[T]; P],
    f: impl Fn(T, T, [T; P]) -> [T; S] + Copy + Sync,
) -> [Vec<T>; S] {
    let rows = rows_per_task(channels);
    let tasks = (a.len() / channels).div_ceil(rows);
    let mut partial = Buffer::uninit(tasks * S * channels);
    for_each_chunk_mut(&mut partial, S * channels, |task, sums| {
        let range = task * rows * channels..((task + 1) * rows * channels).min(a.len());
        let data = (&a[range.clone()], &b[range]);
        vectorize(
            #[inline(always)]
            || {
                let whole = channels / LANES * LANES;
                for first in (0..whole).step_by(LANES) {
                    add_columns::<T, LANES, P, S>(data, channels, first, params, sums, f);
                }
                for first in whole..channels {
                    add_columns::<T, 1, P, S>(data, channels, first, params, sums, f);
                }
            },
        );
    });
    std::array::from_fn(|s| {
        let mut total = vec![T::default(); channels];
        for sums in partial.chunks_exact(S * channels) {
            total.iter_mut().zip(&sums[s * channels..]).for_each(|(t, &x)| *t += x);
        }
        total
    })
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
    for_each_chunk_mut(&mut out, len, |task, out| {
        let (a, b) = (&a[task * len..][..out.len()], &b[task * len..][..out.len()]);
        vectorize(
            #[inline(always)]
            || {
                let rows = a.chunks_exact(channels).zip(b.chunks_exact(channels));
                for (out, (a, b)) in out.chunks_exact_mut(channels).zip(rows) {
                    let params = params.map(|p| &p[..channels]);
                    let (out, a, b) = (&mut out[..channels], &a[..channels], &b[..channels]);
                    for c in 0..channels {
                        out[c] = f(a[c], b[c], params.map(|p| p[c]));
                    }
                }
            },
        );
    });
    out
}

/// Mean and `1 / sqrt(variance + eps)` of every channel.
fn moments<T: Float + Element>(x: &[T], channels: usize, eps: T) -> [Vec<T>; 2] {
    let n = T::from_f64((x.len() / channels) as f64);
    let [sum] = column_sums((x, x), channels, [], |x, _, []| [x]);
    let mean: Vec<T> = sum.iter().map(|&s| s / n).collect();
    // Around the mean, since the difference of two large sums would lose the digits of a small variance.
    let [squares] = column_sums((x, x), channels, [&mean], |x, _, [mean]| [(x - mean) * (x - mean)]);
    let scale = squares.iter().map(|&s| T::from_f64(1.0) / Float::sqrt(s / n + eps)).collect();
    [mean, scale]
}

fn normalized<T: Float + Element>(x: &[T], channels: usize, eps: T) -> Buffer<T> {
    let [mean, scale] = moments(x, channels, eps);
    map_columns((x, x), channels, [&mean, &scale], |x, _, [mean, scale]| (x - mean) * scale)
}

fn normalized_grad<T: Float + Element>(x: &[T], dy: &[T], channels: usize, eps: T) -> Buffer<T> {
    let n = T::from_f64((x.len() / channels) as f64);
    let [mean, scale] = moments(x, channels, eps);
    let [sum, product] = column_sums((x, dy), channels, [&mean, &scale], |x, dy, [mean, scale]| {
        [dy, dy * ((x - mean) * scale)]
    });
    let mean_of = |sums: Vec<T>| -> Vec<T> { sums.into_iter().map(|s| s / n).collect() };
    let (sum, product) = (mean_of(sum), mean_of(product));
    let params = [&mean[..], &scale, &sum, &product];
    map_columns((x, dy), channels, params, |x, dy, [mean, scale, sum, product]| {
        scale * (dy - sum - (x - mean) * scale * product)
    })
}

impl Tensor {
    /// Every channel (the last axis) shifted and scaled to mean 0 and variance 1 over all other axes:
    /// `(x − mean) / sqrt(variance + eps)`, the variance being the biased one (Ioffe and Szegedy, 2015).
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let y = Tensor::from([[1.0_f64, 5.0], [3.0, 5.0]]).batch_norm(0.0001);
    /// assert!((y.to_vec::<f64>()[2] - 1.0).abs() < 1e-4);
    /// assert_eq!(y.to_vec::<f64>()[1], 0.0);
    /// ```
    ///
    /// # Panics
    /// If there is no last axis, the elements are not floats, or `eps` is negative or not finite.
    #[track_caller]
    pub fn batch_norm(&self, eps: f64) -> Tensor {
        check_eps("batch_norm", eps);
        batch_norm_shape(self.shape()).or_panic();
        let x = self.contiguous();
        let (rows, channels) = rows_and_channels(self);
        for_float!(self.dtype(), T => match x.as_slice::<T>() {
            Some(data) if rows * channels > 0 => {
                Tensor::from_buffer(normalized(data, channels, eps as T), self.shape())
            }
            _ => x,
        }, else panic!("batch_norm: {} holds {}, not floats; convert it with .to(…)", self.shape(), self.dtype()))
    }

    /// The gradient of [`batch_norm`](Tensor::batch_norm) at `self` for the gradient `dy` of its result, through the
    /// mean and the variance too: `(dy − mean(dy) − y · mean(dy · y)) / sqrt(variance + eps)`.
    ///
    /// # Panics
    /// If shapes or types of `self` and `dy` differ, they are not floats, or `eps` is negative or not finite.
    #[track_caller]
    pub fn batch_norm_grad(&self, dy: &Tensor, eps: f64) -> Tensor {
        check_eps("batch_norm_grad", eps);
        dy.expect_dtype("batch_norm_grad", self.dtype()).or_panic();
        if dy.shape() != self.shape() {
            panic!("batch_norm_grad: the gradient {} must have the shape {}", dy.shape(), self.shape());
        }
        batch_norm_shape(self.shape()).or_panic();
        let (x, dy) = (self.contiguous(), dy.contiguous());
        let (rows, channels) = rows_and_channels(self);
        for_float!(self.dtype(), T => match (x.as_slice::<T>(), dy.as_slice::<T>()) {
            (Some(x), Some(dy)) if rows * channels > 0 => {
                Tensor::from_buffer(normalized_grad(x, dy, channels, eps as T), self.shape())
            }
            _ => dy,
        }, else panic!("batch_norm_grad: {} holds {}, not floats", self.shape(), self.dtype()))
    }
}

#[cfg(test)]
mod tests {
    use crate::{DType, Rng, Tensor};

    #[test]
    fn follows_the_definition() {
        let rng = &mut Rng::new(1);
        let x = Tensor::normal([1000, 7, 24], 3.0, 2.0, DType::F64, rng);
        let mean = x.mean([0, 1]);
        let std = (x.var([0, 1], 0) + 1e-3).sqrt();
        let expected = (&x - &mean) / &std;
        assert!((x.batch_norm(1e-3) - &expected).abs().max(..).item() < 1e-12);
        let dy = Tensor::normal(x.shape(), 0.0, 1.0, DType::F64, rng);
        let along = expected.mul(&dy).mean([0, 1]);
        let grad = (&dy - dy.mean([0, 1]) - &expected * along) / &std;
        assert!((x.batch_norm_grad(&dy, 1e-3) - grad).abs().max(..).item() < 1e-12);
    }
}
