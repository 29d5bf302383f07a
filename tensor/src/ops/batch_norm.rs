//! Batch normalisation: a few passes over memory, forward and backward.

use crate::array::dtype::{Element, for_float};
use crate::array::shape::{OrPanic, Shape, ShapeError};
use crate::array::storage::Buffer;
use crate::array::tensor::{Tensor, wrong_type};
use crate::fusion::ChannelReduce;
use crate::ops::per_channel::{add_terms, laid_out, map_channels, rows_per_task, sum_channels, total};
use crate::reference;
use crate::runtime::math::Float;
use crate::runtime::threads::for_each_chunk_mut;

/// The rule of `moments`: from `[…, channels]` to `[channels]`.
///
/// # Errors
/// If there is no last axis.
pub fn moments_shape(x: Shape) -> Result<Shape, ShapeError> {
    match x.last() {
        Some(&channels) => Shape::of(&[channels], "moments"),
        None => Err(ShapeError::new(
            "moments",
            format!("{x} is a single number without channels; the last axis is theirs"),
        )),
    }
}

/// The rule of `batch_norm`: `eps`, which is added to a variance, is finite and not negative, and there are channels.
///
/// # Errors
/// If it is not, or there are none.
pub fn check_eps(x: Shape, eps: f64) -> Result<(), ShapeError> {
    if !(eps >= 0.0 && eps.is_finite()) {
        return Err(ShapeError::new(
            "batch_norm",
            format!(
                "eps is {eps} for the input {x}; it is added to a variance and must be finite and not negative"
            ),
        ));
    }
    match x.is_empty() {
        true => Err(ShapeError::new(
            "batch_norm",
            format!("{x} is a single number without channels; the last axis is theirs"),
        )),
        false => Ok(()),
    }
}

/// The rule of `normalize`, `normalize_sums` and `normalize_grad`: each of `params` is a number for each channel of `x`, the
/// last axis, and the gradient `dy`, where there is one, is like `x`.
///
/// # Errors
/// If they are not.
pub fn normalize_shape(
    op: &'static str,
    x: Shape,
    params: &[Shape],
    dy: Option<Shape>,
) -> Result<Shape, ShapeError> {
    let channels: Shape = x.last().copied().into_iter().collect();
    if !channels.is_empty() && params.iter().all(|&p| p == channels) && dy.is_none_or(|dy| dy == x) {
        return Ok(x);
    }
    if x.is_empty() {
        return Err(ShapeError::new(
            op,
            format!("{x} is a single number without channels; the last axis is theirs"),
        ));
    }
    let params: Vec<String> = params.iter().map(Shape::to_string).collect();
    let (gradient, like) = match dy {
        Some(dy) => (format!(" and gradient {dy}"), format!(" and {x}")),
        None => Default::default(),
    };
    let params = params.join(", ");
    Err(ShapeError::new(
        op,
        format!("{x} with channel parameters {params}{gradient}: they must be {channels} each{like}"),
    ))
}

/// The rule of `normalize_sums`: as [`normalize_shape`], and two sums for each channel.
///
/// # Errors
/// As there.
pub fn normalize_sums_shape([x, mean, inv_std, dy]: [Shape; 4]) -> Result<Shape, ShapeError> {
    normalize_shape("normalize_sums", x, &[mean, inv_std], Some(dy))?;
    Shape::of(&[2, mean.numel()], "normalize_sums")
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
        total(channels, mean, |totals| {
            add_terms(
                (data, data),
                [],
                totals,
                #[inline(always)]
                |x, _, []| [x],
            )
        });
        let n = T::from_f64((data.len() / channels) as f64);
        mean.iter_mut().for_each(|mean| *mean = *mean / n);
        let mean = laid_out(mean);
        total(channels, squares, |totals| {
            add_terms(
                (data, data),
                [&mean],
                totals,
                #[inline(always)]
                |x, _, [mean]| [(x - mean) * (x - mean)],
            )
        });
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

/// The three formulas of batch normalisation, one number at a time: the value, the two terms whose sums over the batch its
/// gradient needs, and the gradient.
#[inline(always)]
fn normalized<T: Float>(x: T, [mean, inv_std, scale, offset]: [T; 4]) -> T {
    (x - mean) * inv_std * scale + offset
}
#[inline(always)]
fn terms<T: Float>(x: T, dy: T, [mean, inv_std]: [T; 2]) -> [T; 2] {
    [dy, dy * ((x - mean) * inv_std)]
}
#[inline(always)]
fn gradient<T: Float>(x: T, dy: T, [mean, factor, shift, slope]: [T; 4]) -> T {
    factor * (dy - shift - (x - mean) * slope)
}

/// The loops over slices of `f32` that fused programs have in common with tensors.
pub(crate) mod loops {
    use super::{gradient, normalized};
    use crate::runtime::loops::map_all;

    /// Of `x`, mean, inverse deviation, scale and offset.
    pub(crate) fn normalize(x: [&[f32]; 5], out: &mut [f32]) {
        map_all(
            x,
            out,
            #[inline(always)]
            |[x, params @ ..]| normalized(x, params),
        );
    }

    /// Of the same, rectified.
    pub(crate) fn normalize_relu(x: [&[f32]; 5], out: &mut [f32]) {
        map_all(
            x,
            out,
            #[inline(always)]
            |[x, params @ ..]| {
                let y = normalized(x, params);
                unless(y < 0.0, y)
            },
        );
    }

    /// Of the same and the gradient that arrives at its rectified value: it, where that is not 0.
    pub(crate) fn normalize_relu_grad(x: [&[f32]; 6], out: &mut [f32]) {
        map_all(
            x,
            out,
            #[inline(always)]
            |[x, params @ .., dy]| unless(normalized(x, params) <= 0.0, dy),
        );
    }

    /// Of `x`, mean, factor, shift, slope and `dy`.
    pub(crate) fn normalize_grad(x: [&[f32]; 6], out: &mut [f32]) {
        map_all(
            x,
            out,
            #[inline(always)]
            |[x, params @ .., dy]| gradient(x, dy, params),
        );
    }

    /// `if condition { 0 } else { x }`, in bits: written as a choice, the compiler makes it a jump for each number.
    #[inline(always)]
    fn unless(condition: bool, x: f32) -> f32 {
        f32::from_bits(x.to_bits() & if condition { 0 } else { u32::MAX })
    }
}

impl ChannelReduce {
    /// Of `x`, mean, inv_std and `dy`, see [`kernels::normalize_sums`](crate::kernels::normalize_sums).
    #[inline(never)]
    pub fn normalize() -> ChannelReduce {
        ChannelReduce {
            rows: 2,
            add: |[x, mean, inv_std, dy], totals| add_terms((x, dy), [mean, inv_std], totals, terms),
        }
    }
}

impl Tensor {
    /// The mean and the biased variance of every channel (the last axis) over all other axes, each `[channels]` (TensorFlow's
    /// `tf.nn.moments`). Of no numbers they are NaN.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let [mean, variance] = Tensor::from([[1.0_f64, 5.0], [3.0, 5.0]]).moments();
    /// assert_eq!((mean, variance), (Tensor::from([2.0_f64, 5.0]), Tensor::from([1.0_f64, 0.0])));
    /// ```
    ///
    /// # Panics
    /// If there is no last axis or the elements are not floats.
    #[track_caller]
    pub fn moments(&self) -> [Tensor; 2] {
        let shape = moments_shape(self.shape()).or_panic();
        if self.dtype().is_float() && reference::is_chosen() {
            return reference::moments(self);
        }
        let x = self.contiguous();
        for_float!(self.dtype(), T => match x.as_slice::<T>() {
            Some(data) if !data.is_empty() => {
                let both = Tensor::from_buffer(moments(data, shape[0]), Shape::from([2, shape[0]]));
                [0, 1].map(|row| both.narrow(0, row, 1).reshape(shape))
            }
            _ => [(); 2].map(|()| Tensor::full(shape, f64::NAN, self.dtype())),
        }, else panic!("moments: {} holds {}, not floats; convert it with .to(…)", self.shape(), self.dtype()))
    }

    /// Every channel (the last axis) brought to mean 0 and variance 1 over all other axes: `(x − mean) / sqrt(variance + eps)`, the
    /// variance being the biased one (Ioffe and Szegedy, 2015).
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let y = Tensor::from([[1.0_f64], [3.0]]).batch_norm(0.0);
    /// assert_eq!(y, Tensor::from([[-1.0_f64], [1.0]]));
    /// ```
    ///
    /// # Panics
    /// If there is no last axis, the elements are not floats, or `eps` is negative or not finite.
    #[track_caller]
    pub fn batch_norm(&self, eps: f64) -> Tensor {
        let [y, ..] = self.batch_norm_affine(eps, None, None);
        y
    }

    /// As [`batch_norm`](Tensor::batch_norm), then multiplied by `scale` and moved by `offset`, a number for each channel; and the mean
    /// and the variance that it was normalised by, see [`moments`](Tensor::moments).
    ///
    /// # Panics
    /// As there, and if scale or offset is not of shape `[channels]` and of this type.
    #[track_caller]
    pub fn batch_norm_affine(
        &self,
        eps: f64,
        scale: Option<&Tensor>,
        offset: Option<&Tensor>,
    ) -> [Tensor; 3] {
        check_eps(self.shape(), eps).or_panic();
        if !self.dtype().is_float() {
            panic!("{}", wrong_type("batch_norm", self, "floats"));
        }
        let [mean, variance] = self.moments();
        let inv_std = (&variance + eps).sqrt().recip();
        let [scale, offset] = [(scale, 1.0), (offset, 0.0)].map(|(given, value)| match given {
            Some(given) => given.clone(),
            None => Tensor::full(mean.shape(), value, self.dtype()),
        });
        let params = [mean, inv_std, scale, offset];
        normalize_shape("batch_norm_affine", self.shape(), &params.each_ref().map(Tensor::shape), None)
            .or_panic();
        let [mean, inv_std, scale, offset] = params;
        [normalize(self, &mean, &inv_std, &scale, &offset), mean, variance]
    }

    /// This tensor and what goes with it, row-major, if all are of one type.
    #[track_caller]
    fn with_params<const N: usize>(&self, op: &'static str, params: [&Tensor; N]) -> (Tensor, [Tensor; N]) {
        params.iter().try_for_each(|p| p.expect_dtype(op, self.dtype())).or_panic();
        (self.contiguous(), params.map(Tensor::contiguous))
    }
}

/// All of them as slices.
fn slices<T: Element, const N: usize>(x: &[Tensor; N]) -> Option<[&[T]; N]> {
    let slices = x.each_ref().map(Tensor::as_slice);
    slices.iter().all(Option::is_some).then(|| slices.map(Option::unwrap_or_default))
}

/// `(x − mean) · inv_std · scale + offset`, each of the four a number for each channel.
///
/// # Panics
/// If one is not `[channels]`, or the types are not one float.
#[track_caller]
pub fn normalize(x: &Tensor, mean: &Tensor, inv_std: &Tensor, scale: &Tensor, offset: &Tensor) -> Tensor {
    let params = [mean, inv_std, scale, offset];
    normalize_shape("normalize", x.shape(), &params.map(Tensor::shape), None).or_panic();
    let (x, params) = x.with_params("normalize", params);
    for_float!(x.dtype(), T => {
        match (x.as_slice::<T>(), slices(&params)) {
            (Some(data), Some(params)) if !data.is_empty() => {
                let y = map_channels((data, data), mean.numel(), params, #[inline(always)] |x, _, p| normalized(x, p));
                Tensor::from_buffer(y, x.shape())
            }
            _ => x,
        }
    }, else panic!("normalize: {} holds {}, not floats", x.shape(), x.dtype()))
}

/// For each channel the sums of `dy` and of `dy · (x − mean) · inv_std`, a row each: the gradients of a loss with
/// respect to offset and scale of [`normalize`] where `dy` is that with respect to its result.
///
/// # Panics
/// If `mean` or `inv_std` is not `[channels]`, `dy` not of the shape of `self`, or the types are not one float.
#[track_caller]
pub fn normalize_sums(x: &Tensor, mean: &Tensor, inv_std: &Tensor, dy: &Tensor) -> Tensor {
    let shape = normalize_sums_shape([x, mean, inv_std, dy].map(Tensor::shape)).or_panic();
    let (x, params) = x.with_params("normalize_sums", [mean, inv_std, dy]);
    for_float!(x.dtype(), T => {
        match (x.as_slice::<T>(), slices(&params)) {
            (Some(x), Some([mean, inv_std, dy])) if !x.is_empty() => {
                let params = [mean, inv_std].map(laid_out);
                let sums = sum_channels((x.len(), mean.len(), 2), |range, totals| {
                    let params = params.each_ref().map(|p| &p[..]);
                    add_terms((&x[range.clone()], &dy[range]), params, totals, terms);
                });
                Tensor::from_buffer(sums, shape)
            }
            _ => Tensor::zeros(shape, x.dtype()),
        }
    }, else panic!("normalize_sums: {} holds {}, not floats", x.shape(), x.dtype()))
}

/// `factor · (dy − shift − (x − mean) · slope)`, each of the four but `x` and `dy` a number for each channel: the
/// gradient with respect to `x` of [`normalize`], through mean and deviation too, if `factor` is
/// `inv_std · scale`, `shift` the mean of `dy`, and `slope` that of `dy · (x − mean) · inv_std`, times `inv_std`.
///
/// # Panics
/// If one is not `[channels]`, `dy` not of the shape of `self`, or the types are not one float.
#[track_caller]
pub fn normalize_grad(
    x: &Tensor,
    mean: &Tensor,
    factor: &Tensor,
    shift: &Tensor,
    slope: &Tensor,
    dy: &Tensor,
) -> Tensor {
    let params = [mean, factor, shift, slope];
    normalize_shape("normalize_grad", x.shape(), &params.map(Tensor::shape), Some(dy.shape())).or_panic();
    let (x, params) = x.with_params("normalize_grad", [mean, factor, shift, slope, dy]);
    for_float!(x.dtype(), T => {
        match (x.as_slice::<T>(), slices(&params)) {
            (Some(data), Some([mean, factor, shift, slope, dy])) if !data.is_empty() => {
                let params = [mean, factor, shift, slope];
                let dx = map_channels((data, dy), mean.len(), params, gradient);
                Tensor::from_buffer(dx, x.shape())
            }
            _ => x,
        }
    }, else panic!("normalize_grad: {} holds {}, not floats", x.shape(), x.dtype()))
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
            for (found, expected) in x.moments().iter().zip([&mean, &variance]) {
                assert!((found - expected).abs().max(..).item() < 1e-12);
            }
            let factor = (variance + 1e-3).sqrt().recip();
            let y = (&x - &mean) * &factor;
            let dy = Tensor::normal(x.shape(), 0.0, 1.0, DType::F64, rng);
            let along = y.mul(&dy).mean([0, 1]);
            let grad = (&dy - dy.mean([0, 1]) - &y * along) * &factor;
            let scale = Tensor::uniform(&shape[2..], 0.5, 2.0, DType::F64, rng);
            let offset = Tensor::normal(&shape[2..], 0.0, 1.0, DType::F64, rng);
            let [mean, factor] = [mean, factor].map(|x| x.reshape(&shape[2..]));
            let near = |found: Tensor, expected: Tensor| (found - expected).abs().max(..).item() < 1e-11;
            assert!(near(
                crate::kernels::normalize(&x, &mean, &factor, &scale, &offset),
                &y * &scale + &offset
            ));
            let sums = crate::kernels::normalize_sums(&x, &mean, &factor, &dy);
            assert!(near(sums.clone(), Tensor::stack(&[&dy.sum([0, 1]), &y.mul(&dy).sum([0, 1])], 0)));
            let n = (shape[0] * shape[1]) as f64;
            let [shift, slope] = [0, 1].map(|row| sums.narrow(0, row, 1).flatten(0) / n);
            let found = crate::kernels::normalize_grad(
                &x,
                &mean,
                &(&factor * &scale),
                &shift,
                &(slope * &factor),
                &dy,
            );
            assert!(near(found, grad * &scale));
        }
    }

    /// The difference of two large sums would lose all digits of such a variance.
    #[test]
    fn a_small_variance_far_from_zero_keeps_its_digits() {
        let x = Tensor::normal([100_000, 3], 1000.0, 0.1, DType::F32, &mut Rng::new(2));
        let exact = x.to(DType::F64).var(0, 0);
        let found = x.moments()[1].to(DType::F64);
        assert!((found / exact - 1.0).abs().max(..).item() < 1e-3);
    }
}
