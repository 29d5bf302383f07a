//! The matrices of Winograd's algorithm, from the points that its polynomials are evaluated at.

/// `F(M, R)`: `M` neighbouring outputs of a filter with `R` taps, in `N = M + R − 1` multiplications instead of `M·R`.
///
/// With taps `g` and inputs `d` the outputs are `Aᵀ[(G·g) ⊙ (Bᵀ·d)]`. Behind it is the product of two polynomials with
/// the coefficients `g` and `y`: evaluate both at `N` points (`G` and `A`, the last point being infinity), multiply
/// point by point, interpolate (`B`); the filter is the transpose of that map in `y`.
///
/// Source: Winograd, *Arithmetic Complexity of Computations*, 1980; for convolution Lavin and Gray, *Fast Algorithms for
/// Convolutional Neural Networks*, 2016.
pub(super) struct Matrices<const N: usize, const M: usize, const R: usize> {
    /// `Bᵀ`.
    pub(super) input: [[f32; N]; N],
    /// `G`.
    pub(super) kernel: [[f32; R]; N],
    /// `A`.
    pub(super) output: [[f32; M]; N],
}

/// The algorithms that there are.
pub(super) trait Known {
    const MATRICES: Self;
}

impl Known for Matrices<6, 4, 3> {
    const MATRICES: Self = Matrices::at([0.0, 1.0, -1.0, 2.0, -2.0, f64::INFINITY]);
}

impl Known for Matrices<7, 5, 3> {
    const MATRICES: Self = Matrices::at([0.0, 1.0, -1.0, 2.0, -2.0, 0.5, f64::INFINITY]);
}

impl Known for Matrices<5, 4, 2> {
    const MATRICES: Self = Matrices::at([0.0, 1.0, -1.0, 2.0, f64::INFINITY]);
}

impl<const N: usize, const M: usize, const R: usize> Matrices<N, M, R> {
    /// The last point is infinity, where a polynomial's value is its highest coefficient.
    const fn at(points: [f64; N]) -> Self {
        assert!(N == M + R - 1 && points[N - 1] == f64::INFINITY);
        let mut all = Matrices { input: [[0.0; N]; N], kernel: [[0.0; R]; N], output: [[0.0; M]; N] };
        let mut i = 0;
        while i < N {
            // The polynomial that is 0 at all other finite points, and its value here: Lagrange's.
            let (mut others, mut here) = ([0.0; N], 1.0);
            others[0] = 1.0;
            let mut k = 0;
            while k < N - 1 {
                if k != i {
                    let mut power = N - 1;
                    while power > 0 {
                        others[power] = others[power - 1] - points[k] * others[power];
                        power -= 1;
                    }
                    others[0] *= -points[k];
                    if i < N - 1 {
                        here *= points[i] - points[k];
                    }
                }
                k += 1;
            }
            let (mut j, mut power) = (0, 1.0);
            while j < N {
                all.input[i][j] = others[j] as f32;
                let value = if i < N - 1 { power } else { 0.0 };
                if j < R {
                    all.kernel[i][j] = if i == N - 1 && j == R - 1 { 1.0 } else { (value / here) as f32 };
                }
                if j < M {
                    all.output[i][j] = if i == N - 1 && j == M - 1 { 1.0 } else { value as f32 };
                }
                power *= points[i];
                j += 1;
            }
            i += 1;
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_are_those_of_the_paper() {
        let Matrices { input, kernel, output } = Matrices::<6, 4, 3>::MATRICES;
        assert_eq!(input[0], [4.0, 0.0, -5.0, 0.0, 1.0, 0.0]);
        assert_eq!(input[1], [0.0, -4.0, -4.0, 1.0, 1.0, 0.0]);
        assert_eq!(input[5], [0.0, 4.0, 0.0, -5.0, 0.0, 1.0]);
        assert_eq!(kernel[1], [-1.0 / 6.0; 3]);
        assert_eq!(kernel[5], [0.0, 0.0, 1.0]);
        assert_eq!(output.map(|row| row[3]), [0.0, 1.0, -1.0, 8.0, -8.0, 1.0]);
    }

    fn filters_like_the_definition<const N: usize, const M: usize, const R: usize>()
    where
        Matrices<N, M, R>: Known,
    {
        let all = Matrices::<N, M, R>::MATRICES;
        let d: [f64; N] = std::array::from_fn(|i| (i * i) as f64 - 3.0 * i as f64 + 0.5);
        let g: [f64; R] = std::array::from_fn(|i| 1.5 - i as f64 * 0.75);
        let dot = |a: &[f32], b: &[f64]| a.iter().zip(b).map(|(&a, b)| a as f64 * b).sum::<f64>();
        for m in 0..M {
            let product =
                |i: usize| all.output[i][m] as f64 * dot(&all.kernel[i], &g) * dot(&all.input[i], &d);
            let found: f64 = (0..N).map(product).sum();
            let expected: f64 = (0..R).map(|r| g[r] * d[m + r]).sum();
            assert!((found - expected).abs() < 1e-5, "F({M}, {R}), output {m}: {found}, not {expected}");
        }
    }

    #[test]
    fn all_algorithms_filter() {
        filters_like_the_definition::<6, 4, 3>();
        filters_like_the_definition::<7, 5, 3>();
        filters_like_the_definition::<5, 4, 2>();
    }
}
