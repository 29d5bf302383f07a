//! Convolutions of numbers that are large, small or not finite, against the definition in `f64`: each output is finite,
//! infinite or NaN as the definition says, and within 512 ε of the sum of its terms' magnitudes.

use tensor::kernels;
use tensor::{Conv2d, Conv2dKernel, DType, ElementwiseProgram, Epilogue, Kernel, Operand::Input};
use tensor::{Padding, Prologue, Rng, ScalarExpr, Tensor};

/// An output: the sum of its terms, and that of their magnitudes.
#[derive(Clone, Copy, Default)]
struct Sum {
    value: f64,
    magnitude: f64,
}

impl Sum {
    fn add(&mut self, a: f32, b: f32) {
        let product = f64::from(a) * f64::from(b);
        self.value += product;
        self.magnitude += product.abs();
    }
}

/// A convolution of square images with a square kernel, its padding the same on all sides.
#[derive(Clone, Copy, Debug)]
struct Case {
    n: usize,
    size: usize,
    channels: [usize; 2],
    kernel: usize,
    stride: usize,
    padding: usize,
}

/// By Winograd's algorithm F(4, 3), F(5, 3), F(4, 3) with four phases, and F(4, 2); and one that is always direct.
const CASES: [Case; 5] = [
    Case { n: 3, size: 12, channels: [16, 18], kernel: 3, stride: 1, padding: 1 },
    Case { n: 2, size: 10, channels: [17, 16], kernel: 3, stride: 1, padding: 1 },
    Case { n: 3, size: 16, channels: [16, 20], kernel: 5, stride: 2, padding: 2 },
    Case { n: 3, size: 17, channels: [16, 16], kernel: 4, stride: 2, padding: 1 },
    Case { n: 3, size: 9, channels: [3, 5], kernel: 3, stride: 2, padding: 1 },
];

/// Images, a kernel and the gradient of the outputs.
type Operands = [Tensor; 3];

impl Case {
    fn conv(self) -> Conv2d {
        let padding = Padding::Explicit([[self.padding; 2]; 2]);
        Conv2d { stride: [self.stride; 2], padding, ..Conv2d::default() }
    }

    fn out(self) -> usize {
        (self.size + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// Images of numbers from 0 to 1, the others normal.
    fn operands(self, rng: &mut Rng) -> Operands {
        let Case { n, size, channels: [inputs, outputs], kernel, .. } = self;
        [
            Tensor::uniform([n, size, size, inputs], 0.0, 1.0, DType::F32, rng),
            Tensor::normal([kernel, kernel, inputs, outputs], 0.0, 0.1, DType::F32, rng),
            Tensor::normal([n, self.out(), self.out(), outputs], 0.0, 1.0, DType::F32, rng),
        ]
    }

    /// The forward pass, the gradient of the images and that of the kernel.
    fn passes(self, [x, k, dy]: &Operands) -> [Tensor; 3] {
        let conv = &self.conv();
        [
            x.conv2d(k, conv),
            kernels::conv2d_input_grad(dy, k, x.shape(), conv),
            kernels::conv2d_kernel_grad(x, dy, k.shape(), conv),
        ]
    }

    /// The same by the definition: padding is zeros, which are part of the images that a kernel meets, and have no gradient.
    fn by_definition(self, [x, k, dy]: &Operands) -> [Vec<Sum>; 3] {
        let Case { n, size, channels: [inputs, outputs], kernel, stride, padding } = self;
        let mut sums = [x, k, dy].map(|t| vec![Sum::default(); t.numel()]);
        let [dx, dk, y] = &mut sums;
        let [x, k, dy] = [x, k, dy].map(|t| t.to_vec::<f32>());
        for place in 0..n * self.out() * self.out() {
            let [image, i, j] =
                [place / self.out() / self.out(), place / self.out() % self.out(), place % self.out()];
            for tap in 0..kernel * kernel {
                let row = (i * stride + tap / kernel).wrapping_sub(padding);
                let column = (j * stride + tap % kernel).wrapping_sub(padding);
                let pixel = (row < size && column < size).then_some((image * size + row) * size + column);
                for c in 0..inputs {
                    let from = pixel.map(|pixel| pixel * inputs + c);
                    let number = from.map_or(0.0, |from| x[from]);
                    for o in 0..outputs {
                        let (weight, to) = ((tap * inputs + c) * outputs + o, place * outputs + o);
                        y[to].add(number, k[weight]);
                        dk[weight].add(number, dy[to]);
                        if let Some(from) = from {
                            dx[from].add(dy[to], k[weight]);
                        }
                    }
                }
            }
        }
        let [dx, dk, y] = sums;
        [y, dx, dk]
    }

    fn check(self, operands: &Operands, what: &str) {
        const PASSES: [&str; 3] = ["forward", "input gradient", "kernel gradient"];
        let all = self.passes(operands).into_iter().zip(self.by_definition(operands));
        for ((found, expected), pass) in all.zip(PASSES) {
            for (i, (found, sum)) in found.to_vec::<f32>().into_iter().zip(expected).enumerate() {
                let expected = sum.value as f32;
                let error = (f64::from(found) - sum.value).abs();
                // Products of subnormal numbers are rounded to multiples of the smallest one.
                let bound =
                    512.0 * f64::from(f32::EPSILON) * sum.magnitude + 100.0 * f64::from(f32::from_bits(1));
                let right = match expected.is_finite() {
                    true => error <= bound,
                    false => found.is_nan() == expected.is_nan() && (found.is_nan() || found == expected),
                };
                assert!(
                    right,
                    "{pass}, {what}, {self:?}, output {i}: {found}, not {expected}; error {error:e}, at most {bound:e}"
                );
            }
        }
    }
}

/// The operand with some of its numbers replaced.
fn with(x: &Tensor, value: f32, count: usize, rng: &mut Rng) -> Tensor {
    let mut numbers = x.to_vec::<f32>();
    for _ in 0..count {
        let i = rng.bits() as usize % numbers.len();
        numbers[i] = value;
    }
    Tensor::from_vec(numbers, x.shape()).unwrap()
}

fn for_each_operand(rng: &mut Rng, mut f: impl FnMut(Case, &Operands, usize, &mut Rng)) {
    for case in CASES {
        let operands = case.operands(rng);
        (0..3).for_each(|i| f(case, &operands, i, rng));
    }
}

fn replaced(operands: &Operands, i: usize, by: Tensor) -> Operands {
    let mut operands = operands.clone();
    operands[i] = by;
    operands
}

#[test]
fn one_nan_pixel_reaches_only_the_outputs_that_see_it() {
    let rng = &mut Rng::new(1);
    let x = Tensor::uniform([1, 16, 16, 16], 0.0, 1.0, DType::F32, rng);
    let k = Tensor::normal([3, 3, 16, 16], 0.0, 0.1, DType::F32, rng);
    let mut numbers = x.to_vec::<f32>();
    numbers[(5 * 16 + 6) * 16 + 3] = f32::NAN;
    let x = Tensor::from_vec(numbers, x.shape()).unwrap();
    let y = x.conv2d(&k, &Conv2d::default()).to_vec::<f32>();
    let places: Vec<_> = (0..256).filter(|place| y[place * 16..][..16].iter().any(|y| y.is_nan())).collect();
    assert_eq!(places, [69, 70, 71, 85, 86, 87, 101, 102, 103]);
    assert_eq!(y.iter().filter(|y| y.is_nan()).count(), 9 * 16);
}

#[test]
fn an_outlier_leaves_the_digits_of_others() {
    let rng = &mut Rng::new(2);
    for_each_operand(rng, |case, operands, i, rng| {
        case.check(operands, "no outlier");
        for exponent in 3..=9 {
            let sign = if rng.bits().is_multiple_of(2) { 1.0 } else { -1.0 };
            let value = sign * 10_f32.powi(exponent);
            for count in [1, 1 + operands[i].numel() / 100] {
                let operands = replaced(operands, i, with(&operands[i], value, count, rng));
                case.check(&operands, &format!("{count} times {value} in operand {i}"));
            }
        }
    });
}

/// Half of each image, of the gradient or of the kernel is so much smaller than the other half.
#[test]
fn a_quiet_half_keeps_its_digits() {
    let rng = &mut Rng::new(3);
    for_each_operand(rng, |case, operands, i, _| {
        for scale in [1e-3, 1e-6, 1e-12, 1e-30] {
            let x = &operands[i];
            let axis = if i == 1 { 0 } else { 1 };
            let (size, half) = (x.shape()[axis as usize], x.shape()[axis as usize] / 2);
            let (quiet, loud) = (x.narrow(axis, 0, half) * scale, x.narrow(axis, half, size - half));
            let both = Tensor::concat(&[&quiet, &loud], axis);
            case.check(&replaced(operands, i, both), &format!("half of operand {i} times {scale}"));
        }
    });
}

#[test]
fn what_is_not_finite_reaches_what_the_definition_says() {
    let rng = &mut Rng::new(4);
    for_each_operand(rng, |case, operands, i, rng| {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, -1e30] {
            let operands = replaced(operands, i, with(&operands[i], value, 1, rng));
            case.check(&operands, &format!("{value} in operand {i}"));
        }
        let one = with(&operands[i], f32::INFINITY, 1, rng);
        let both = with(&one, f32::NEG_INFINITY, 1, rng);
        case.check(&replaced(operands, i, both), &format!("both infinities in operand {i}"));
    });
}

/// Numbers of which some or all are subnormal, and of which all are near to what overflows.
#[test]
fn small_and_large_scales_keep_their_digits() {
    let rng = &mut Rng::new(5);
    for_each_operand(rng, |case, operands, i, rng| {
        let some = with(&operands[i], 1e-40, 1 + operands[i].numel() / 10, rng);
        case.check(&replaced(operands, i, some), &format!("subnormal numbers in operand {i}"));
        for scale in [1e-40, 1e-38, 1e-30, 1e-20, 1e20, 1e30, 3e35] {
            let all = replaced(operands, i, &operands[i] * scale);
            case.check(&all, &format!("operand {i} times {scale}"));
        }
        for [one, others] in [[1e-37, 1e15], [1e-34, 1e18], [1e-25, 1e-15]] {
            let scale = |j: usize| if i == j { one } else { others };
            let all = std::array::from_fn(|j| &operands[j] * scale(j));
            case.check(&all, &format!("operand {i} times {one}, the others times {others}"));
        }
    });
}

/// An image that is computed directly has the bits that it has alone, and leaves the others theirs, whatever is computed before
/// and after.
#[test]
fn an_outlier_in_an_image_changes_no_bit_of_others() {
    let rng = &mut Rng::new(6);
    for case in CASES {
        let Case { n, .. } = case;
        let [x, k, _] = case.operands(rng);
        let conv = &case.conv();
        let outlier = Tensor::concat(
            &[&x.narrow(0, 0, 1), &with(&x.narrow(0, 1, 1), 1e6, 1, rng), &x.narrow(0, 2, n.max(2) - 2)],
            0,
        );
        let y = outlier.conv2d(&k, conv);
        for i in 0..n {
            assert_eq!(outlier.narrow(0, i, 1).conv2d(&k, conv), y.narrow(0, i, 1), "{case:?}, image {i}");
            if i != 1 {
                assert_eq!(x.narrow(0, i, 1).conv2d(&k, conv), y.narrow(0, i, 1), "{case:?}, image {i}");
            }
        }
        let relu = |x: &Tensor| {
            ElementwiseProgram::new(x.shape(), 1, vec![(ScalarExpr::new(|[x]| x.relu()), vec![Input(0)])])
                .unwrap()
        };
        let (before, after) = (relu(&outlier), relu(&y));
        let operands = [Prologue::Fused(&before, &[&outlier]), Prologue::None(&k)];
        let fused = Conv2dKernel::Forward(*conv).run(&operands, Epilogue::with(&after, &[]));
        assert_eq!(fused, outlier.relu().conv2d(&k, conv).relu(), "{case:?}");
    }
}
