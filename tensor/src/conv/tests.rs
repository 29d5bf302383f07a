//! Convolution against its definition.

use super::*;
use crate::fusion::Numbers;
use crate::{DType, Rng};

/// The definition, one product at a time.
fn by_definition(x: &Tensor, k: &Tensor, conv: &Conv2d, padding: [[usize; 2]; 2]) -> Tensor {
    let shape = conv.shape(x.shape(), k.shape()).unwrap();
    let [_, h, w, c] = image_dims("", x.shape()).unwrap();
    let [kh, kw, per_group, out] = image_dims("", k.shape()).unwrap();
    let (xs, ks) = (x.to_vec::<f64>(), k.to_vec::<f64>());
    let mut y = vec![];
    for n in 0..shape[0] {
        for i in 0..shape[1] {
            for j in 0..shape[2] {
                for o in 0..out {
                    let group = o / (out / conv.groups);
                    let mut sum = 0.0;
                    for u in 0..kh {
                        for v in 0..kw {
                            let row = (i * conv.stride[0] + u * conv.dilation[0]).wrapping_sub(padding[0][0]);
                            let col = (j * conv.stride[1] + v * conv.dilation[1]).wrapping_sub(padding[1][0]);
                            if row < h && col < w {
                                for ch in 0..per_group {
                                    let at = ((n * h + row) * w + col) * c + group * per_group + ch;
                                    sum += xs[at] * ks[((u * kw + v) * per_group + ch) * out + o];
                                }
                            }
                        }
                    }
                    y.push(sum);
                }
            }
        }
    }
    Tensor::from_vec(y, shape).unwrap()
}

fn numbers(x: &Tensor) -> Option<Numbers<'_>> {
    Prologue::None(x).numbers()
}

fn as_it_is() -> Epilogue<'static> {
    Epilogue::NONE
}

fn inner(a: &Tensor, b: &Tensor) -> f64 {
    (a * b).sum(..).item()
}

/// So many images that the next task's are fetched, directly and by Winograd's algorithm: every one as it is alone, and the
/// gradient of the kernel as the sum of two halves.
#[test]
fn images_that_leave_the_cache_are_computed_as_few_are() {
    let rng = &mut Rng::new(8);
    for (channels, outputs, n) in [(4, 8, 121), (16, 24, 45)] {
        let (conv, kernel) = (Conv2d::default(), Shape::from([5, 5, channels, outputs]));
        let mut normal = |shape: Shape| Tensor::normal(shape, 0.0, 1.0, DType::F32, rng);
        let (x, dy) = (normal([n, 28, 28, channels].into()), normal([n, 28, 28, outputs].into()));
        let k = normal(kernel);
        assert!(x.numel() + dy.numel() >= FAR);
        let (y, dx) = (x.conv2d(&k, &conv), conv2d_input_grad(&dy, &k, x.shape(), &conv));
        for i in [0, 7, 8, n - 1] {
            let part = |x: &Tensor| x.narrow(0, i, 1);
            assert_eq!(part(&x).conv2d(&k, &conv), part(&y), "image {i}");
            let alone = conv2d_input_grad(&part(&dy), &k, part(&x).shape(), &conv);
            assert_eq!(alone, part(&dx), "image {i}");
        }
        let gradient = |first: usize, n: usize| {
            conv2d_kernel_grad(&x.narrow(0, first, n), &dy.narrow(0, first, n), kernel, &conv)
        };
        let (all, halves) = (gradient(0, n), gradient(0, n / 2) + gradient(n / 2, n - n / 2));
        let largest = all.abs().max(..).item();
        assert!((all - halves).abs().max(..).item() < 1e-4 * largest);
    }
}

#[test]
fn convolution_and_its_adjoints_follow_the_definition() {
    let rng = &mut Rng::new(5);
    for (groups, stride, dilation) in [
        (1, [1, 1], [1, 1]),
        (1, [2, 3], [1, 1]),
        (2, [1, 2], [2, 1]),
        (3, [2, 1], [1, 2]),
        (1, [1, 1], [2, 3]),
    ] {
        for padding in [Padding::Same, Padding::Valid, Padding::Explicit([[2, 0], [1, 3]])] {
            let conv = Conv2d { stride, dilation, groups, padding };
            let x = Tensor::normal([3, 9, 10, 6], 0.0, 1.0, DType::F64, rng);
            let k = Tensor::normal([3, 2, 6 / groups, 6], 0.0, 1.0, DType::F64, rng);
            let y = x.conv2d(&k, &conv);
            let span = [dilation[0] * 2 + 1, dilation[1] + 1];
            let expected = by_definition(&x, &k, &conv, padding.resolve([9, 10], span, stride));
            assert!((&y - &expected).abs().max(..).item() < 1e-12, "{conv:?}");
            let dy = Tensor::normal(y.shape(), 0.0, 1.0, DType::F64, rng);
            // An adjoint is what moves to the other side of an inner product.
            let dx = conv2d_input_grad(&dy, &k, x.shape(), &conv);
            let dk = conv2d_kernel_grad(&x, &dy, k.shape(), &conv);
            assert!((inner(&y, &dy) - inner(&x, &dx)).abs() < 1e-9, "{conv:?}");
            assert!((inner(&y, &dy) - inner(&k, &dk)).abs() < 1e-9, "{conv:?}");
        }
    }
}

#[test]
fn windows_that_hold_only_padding_give_zeros() {
    let conv = Conv2d { padding: Padding::Explicit([[0, 0], [5, 5]]), ..Conv2d::default() };
    let x = Tensor::ones([1, 1, 2, 1], DType::F64);
    let y = x.conv2d(&Tensor::ones([1, 2, 1, 1], DType::F64), &conv);
    assert_eq!(y.to_vec::<f64>(), [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(
        conv2d_input_grad(&y, &Tensor::ones([1, 2, 1, 1], DType::F64), x.shape(), &conv).to_vec::<f64>(),
        [3.0, 3.0]
    );
}

/// TensorFlow's rule, worked out by counting: the output is ⌈n / s⌉, and the windows' overhang is shared with the
/// odd one after.
#[test]
fn same_padding_is_tensorflows() {
    for n in 1..=29 {
        for k in 1..=7 {
            for s in 1..=3 {
                let [[before, after], _] = Padding::Same.resolve([n, n], [k, k], [s, s]);
                let mut out = 0;
                while out * s < n {
                    out += 1;
                }
                let mut overhang = 0;
                while n + overhang < (out - 1) * s + k {
                    overhang += 1;
                }
                assert!(before == after || before + 1 == after, "n {n} k {k} s {s}");
                assert_eq!(before + after, overhang, "n {n} k {k} s {s}");
                let conv = Conv2d { stride: [s, s], ..Conv2d::default() };
                let shape = conv.shape([1, n, n, 1].into(), [k, k, 1, 1].into()).unwrap();
                assert_eq!(shape, [1, out, out, 1]);
            }
        }
    }
    assert_eq!(Padding::Same.resolve([28, 28], [5, 5], [2, 2]), [[1, 2], [1, 2]]);
}

/// The kernels for `f32`, Winograd's algorithm among them where it pays, against the products of matrices in `f64`, which the tests above hold against the definition.
#[test]
fn direct_convolution_agrees_with_im2col() {
    let rng = &mut Rng::new(6);
    for (n, size, [inputs, outputs], kernel) in [
        (3, [9, 10], [3, 5], [3, 2]),
        (5, [28, 28], [1, 24], [6, 6]),
        (3, [7, 5], [24, 48], [5, 5]),
        (3, [3, 4], [20, 67], [4, 4]),
        (1, [5, 6], [1, 1], [1, 1]),
        (35, [2, 2], [4, 8], [7, 5]),
        (19, [4, 3], [6, 4], [3, 3]),
        (2, [9, 13], [16, 17], [3, 3]),
        (1, [14, 14], [24, 48], [5, 5]),
        (2, [7, 7], [48, 64], [4, 4]),
        (12, [8, 7], [19, 21], [5, 6]),
    ] {
        for stride in [[1, 1], [2, 2], [3, 1], [4, 5]] {
            for padding in [Padding::Same, Padding::Valid, Padding::Explicit([[2, 0], [1, 9]])] {
                let conv = Conv2d { stride, padding, ..Conv2d::default() };
                let x = Tensor::normal([n, size[0], size[1], inputs], 0.0, 1.0, DType::F32, rng);
                let k = Tensor::normal([kernel[0], kernel[1], inputs, outputs], 0.0, 1.0, DType::F32, rng);
                let Ok(shape) = conv.shape(x.shape(), k.shape()) else { continue };
                let dy = Tensor::normal(shape, 0.0, 1.0, DType::F32, rng);
                let [x64, k64, dy64] = [&x, &k, &dy].map(|t| t.to(DType::F64));
                let check = |pass: &str, found: Tensor, expected: Tensor| {
                    let scale = expected.abs().max(..).item().max(1.0);
                    let error = (found.to(DType::F64) - expected).abs().max(..).item();
                    assert!(error < 2e-5 * scale, "{pass}: {size:?} {kernel:?} {conv:?}: {error} of {scale}");
                };
                check("forward", x.conv2d(&k, &conv), x64.conv2d(&k64, &conv));
                check(
                    "input gradient",
                    conv2d_input_grad(&dy, &k, x.shape(), &conv),
                    conv2d_input_grad(&dy64, &k64, x.shape(), &conv),
                );
                check(
                    "kernel gradient",
                    conv2d_kernel_grad(&x, &dy, k.shape(), &conv),
                    conv2d_kernel_grad(&x64, &dy64, k.shape(), &conv),
                );
            }
        }
    }
}

/// Images with few channels are computed several side by side, as many as the batch has; so are those whose tiles are
/// transformed.
#[test]
fn an_image_has_the_same_bits_alone_and_in_a_batch() {
    let rng = &mut Rng::new(7);
    for ([inputs, outputs], stride) in
        [([4, 8], [2, 1]), ([8, 4], [2, 1]), ([24, 12], [2, 1]), ([6, 1], [2, 1]), ([16, 24], [1, 1])]
    {
        let conv = Conv2d { stride, ..Conv2d::default() };
        let x = Tensor::normal([21, 6, 7, inputs], 0.0, 1.0, DType::F32, rng);
        let k = Tensor::normal([3, 3, inputs, outputs], 0.0, 1.0, DType::F32, rng);
        let y = x.conv2d(&k, &conv);
        let dx = conv2d_input_grad(&y, &k, x.shape(), &conv);
        for i in [0, 7, 20] {
            let one = x.narrow(0, i, 1);
            assert_eq!(one.conv2d(&k, &conv), y.narrow(0, i, 1), "{inputs} to {outputs}");
            let dy = y.narrow(0, i, 1);
            assert_eq!(
                conv2d_input_grad(&dy, &k, one.shape(), &conv),
                dx.narrow(0, i, 1),
                "{inputs} to {outputs}"
            );
        }
    }
}

/// What the documentation of Winograd's algorithm says of its error, on the layers that it is for, and that it is what
/// computes them, but on an x86-64 CPU without AVX2.
#[test]
fn winograd_stays_within_its_error() {
    let rng = &mut Rng::new(8);
    for (size, [inputs, outputs], kernel, stride) in
        [(28, [24, 48], 5, 2), (14, [48, 64], 4, 2), (16, [64, 64], 3, 1), (15, [64, 64], 3, 1)]
    {
        let conv = Conv2d { stride: [stride; 2], ..Conv2d::default() };
        let x = Tensor::normal([4, size, size, inputs], 0.0, 1.0, DType::F32, rng).abs();
        let k = Tensor::normal([kernel, kernel, inputs, outputs], 0.0, 0.1, DType::F32, rng);
        let g = conv.geometry(x.shape(), k.shape()).unwrap();
        let (Some(xs), Some(ks)) = (numbers(&x), k.as_slice()) else { unreachable!("they are contiguous") };
        let shape = conv.shape(x.shape(), k.shape()).unwrap();
        let dy = Tensor::normal(shape, 0.0, 1.0, DType::F32, rng);
        let dys = numbers(&dy).expect("they are contiguous");
        let [x64, k64, dy64] = [&x, &k, &dy].map(|t| t.to(DType::F64));
        let forward = g.forward_winograd(&xs, ks, &mut as_it_is().for_tiles(shape, true));
        let input_grad = g.input_grad_winograd(&dys, ks, &mut as_it_is().for_tiles(x.shape(), true));
        let kernel_grad = g.kernel_grad_winograd(&xs, &dys);
        if !crate::runtime::lanes::is_wide() {
            assert!(
                [forward, input_grad, kernel_grad].iter().all(Option::is_none),
                "there are no transforms"
            );
            continue;
        }
        for (pass, found, expected) in [
            ("forward", forward, x64.conv2d(&k64, &conv)),
            ("input gradient", input_grad, conv2d_input_grad(&dy64, &k64, x.shape(), &conv)),
            ("kernel gradient", kernel_grad, conv2d_kernel_grad(&x64, &dy64, k.shape(), &conv)),
        ] {
            let found = Tensor::from_buffer(found.expect("it pays here"), expected.shape()).to(DType::F64);
            let error = (found - &expected).abs().max(..).item() / expected.abs().max(..).item();
            println!("{pass}, {kernel}x{kernel}, stride {stride}: {error:e}");
            assert!(error < 2e-5, "{pass}, {kernel}x{kernel}, stride {stride}: {error}");
        }
    }
}

/// The same error for the passes on the matrix unit, and that they are for these layers; what is not finite is left to others.
#[test]
fn the_matrix_unit_stays_within_the_same_error() {
    if crate::simd_level() < crate::SimdLevel::Amx {
        println!("skipped: the CPU has no matrix unit, or TENSOR_SIMD keeps from using it");
        return;
    }
    let rng = &mut Rng::new(9);
    for (size, [inputs, outputs], kernel, stride) in
        [(28, [24, 48], 5, 2), (14, [48, 64], 4, 2), (9, [16, 40], 3, 1)]
    {
        let conv = Conv2d { stride: [stride; 2], ..Conv2d::default() };
        let x = Tensor::normal([12, size, size, inputs], 0.0, 1.0, DType::F32, rng).abs();
        let k = Tensor::normal([kernel, kernel, inputs, outputs], 0.0, 0.1, DType::F32, rng);
        let y = x.conv2d(&k, &conv);
        let g = conv.geometry(x.shape(), k.shape()).unwrap();
        assert!(g.is_for_amx());
        let ([xs, ys], ks) = ([&x, &y].map(|t| numbers(t).expect("it is f32")), row_major(&k));
        let mut none = as_it_is();
        let none = &mut none.for_tiles(x.shape(), false);
        let passes =
            [g.forward_amx(&xs, ks, none), g.input_grad_amx(&ys, ks, none), g.kernel_grad_amx(&xs, &ys)];
        let [x64, k64, y64] = [&x, &k, &y].map(|t| t.to(DType::F64));
        let expected = [
            x64.conv2d(&k64, &conv),
            conv2d_input_grad(&y64, &k64, x.shape(), &conv),
            conv2d_kernel_grad(&x64, &y64, k.shape(), &conv),
        ];
        for (found, expected) in passes.into_iter().zip(expected) {
            let found = Tensor::from_buffer(found.expect("it is finite"), expected.shape()).to(DType::F64);
            let error = (found - &expected).abs().max(..).item() / expected.abs().max(..).item();
            println!("{kernel}x{kernel}, stride {stride}: {error:e}");
            assert!(error < 2e-5, "{kernel}x{kernel}, stride {stride}: {error}");
        }
        let mut infinite = x.copy();
        infinite.as_mut_slice::<f32>()[77] = f32::INFINITY;
        let infinite = numbers(&infinite).expect("it is f32");
        assert!(g.forward_amx(&infinite, ks, none).is_none() && g.kernel_grad_amx(&infinite, &ys).is_none());
    }
}

#[test]
fn no_images_and_many_channels_give_nothing_and_zeros() {
    let conv = Conv2d { padding: Padding::Explicit([[4, 4]; 2]), ..Conv2d::default() };
    let k = Tensor::ones([3, 3, 16, 16], DType::F32);
    for (n, size) in [(0, 8), (2, 0)] {
        let x = Tensor::ones([n, size, size, 16], DType::F32);
        let y = x.conv2d(&k, &conv);
        assert_eq!(y, Tensor::zeros(y.shape(), DType::F32));
        assert_eq!(conv2d_input_grad(&y, &k, x.shape(), &conv), Tensor::zeros(x.shape(), DType::F32));
        assert_eq!(conv2d_kernel_grad(&x, &y, k.shape(), &conv), Tensor::zeros(k.shape(), DType::F32));
    }
}
