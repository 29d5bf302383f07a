//! Smooth displacements, as of P. Simard, D. Steinkraus, J. Platt: Best Practices for Convolutional Neural Networks Applied to Visual
//! Document Analysis, 2003.

use nn::{Rng, Tensor};

/// Displacements of pixels: numbers uniform in [−1, 1), smoothed by a Gaussian of standard deviation `sigma`, times `alpha`; outside of the
/// picture they count as 0.
pub(super) struct Elastic {
    alpha: f64,
    /// The Gaussian, cut off at three deviations; its sum is 1.
    kernel: Vec<f64>,
}

impl Elastic {
    pub(super) fn new(alpha: f64, sigma: f64) -> Elastic {
        let reach = (3.0 * sigma).ceil() as i64;
        let exponents: Vec<f64> =
            (-reach..=reach).map(|i| -((i * i) as f64) / (2.0 * sigma * sigma)).collect();
        // The library's own function: the same on every system.
        let kernel = Tensor::from(exponents.as_slice()).exp().to_vec::<f64>();
        let sum: f64 = kernel.iter().sum();
        Elastic { alpha, kernel: kernel.iter().map(|x| x / sum).collect() }
    }

    /// A displacement along one axis for each pixel, row by row.
    pub(super) fn field(&self, [height, width]: [usize; 2], rng: &mut Rng) -> Vec<f64> {
        let raw: Vec<f64> = (0..height * width).map(|_| 2.0 * rng.unit() - 1.0).collect();
        // A Gaussian in two dimensions is one along each.
        let rows = self.smooth(&raw, [height, width]);
        let mut field = self.smooth(&rows, [width, height]);
        field.iter_mut().for_each(|x| *x *= self.alpha);
        field
    }

    /// Smooths along the rows, and turns rows into columns.
    fn smooth(&self, x: &[f64], [height, width]: [usize; 2]) -> Vec<f64> {
        let reach = self.kernel.len() / 2;
        let (mut out, mut sums) = (vec![0.0; x.len()], vec![0.0; width]);
        for (row, x) in x.chunks_exact(width).enumerate() {
            sums.fill(0.0);
            for (tap, weight) in self.kernel.iter().enumerate() {
                // Column j has the weight of column j + tap − reach.
                let (from, to) = (reach.saturating_sub(tap), width.min((width + reach).saturating_sub(tap)));
                if from < to {
                    let x = &x[from + tap - reach..][..to - from];
                    sums[from..to].iter_mut().zip(x).for_each(|(sum, x)| *sum += weight * x);
                }
            }
            sums.iter().enumerate().for_each(|(column, sum)| out[column * height + row] = *sum);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same field by the definition: a sum over all pixels.
    #[test]
    fn the_field_is_what_its_definition_says() {
        let (alpha, sigma) = (3.0, 1.3);
        for (height, width) in [(5, 8), (1, 1), (20, 2)] {
            let field = Elastic::new(alpha, sigma).field([height, width], &mut Rng::new(4));
            let rng = &mut Rng::new(4);
            let raw: Vec<f64> = (0..height * width).map(|_| 2.0 * rng.unit() - 1.0).collect();
            let gauss =
                |d: i64| if d.abs() <= 4 { (-((d * d) as f64) / (2.0 * sigma * sigma)).exp() } else { 0.0 };
            let sum: f64 = (-4..=4).map(gauss).sum();
            for i in 0..height as i64 {
                for j in 0..width as i64 {
                    let mut expected = 0.0;
                    for (place, x) in raw.iter().enumerate() {
                        let (k, l) = ((place / width) as i64, (place % width) as i64);
                        expected += alpha * x * gauss(k - i) * gauss(l - j) / (sum * sum);
                    }
                    let found = field[i as usize * width + j as usize];
                    assert!((found - expected).abs() < 1e-12, "{i}, {j}: {found}, {expected}");
                }
            }
        }
    }
}
