//! Forward and both gradients.

use crate::levels::{Digest, at_every_level};
use crate::{Exact, any, cases, numbers};
use std::collections::BTreeSet;
use tensor::kernels;
use tensor::{Conv2d, Padding, Rng, Shape};

#[derive(Clone, Debug)]
struct Case {
    images: [usize; 4],
    kernel: [usize; 4],
    conv: Conv2d,
}

/// Products that a case may have: the definition takes its time.
const MOST: usize = 1 << 21;

impl Case {
    /// Whether there is such a convolution, of a size to be tried.
    fn is_possible(&self) -> bool {
        self.conv.shape(Shape::from(self.images), Shape::from(self.kernel)).is_ok_and(|y| {
            let products = y.iter().chain(&self.kernel[..3]).product::<usize>();
            products > 0 && products <= MOST
        })
    }

    fn random(rng: &mut Rng) -> Case {
        let mut axis = |choices: &[usize]| [any(rng, choices), any(rng, choices)];
        // Sixteen lines of a kernel and sixteen phases of a stride are the most that the matrix unit takes.
        let kernel = axis(&[1, 1, 1, 2, 2, 3, 3, 3, 4, 5, 5, 7, 16, 17]);
        let stride = axis(&[1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5]);
        let stride = if rng.bits().is_multiple_of(2) { [stride[0]; 2] } else { stride };
        let mut axis = |choices: &[usize]| [any(rng, choices), any(rng, choices)];
        let dilation = axis(&[1, 1, 1, 1, 1, 1, 1, 2, 3]);
        let size = axis(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 14, 16, 17, 28]);
        let channels = axis(&[1, 2, 3, 5, 8, 12, 15, 16, 16, 16, 17, 24, 31, 32, 33, 48]);
        let around = [axis(&[0, 1, 2, 3, 4, 6, 9, 19]), axis(&[0, 1, 2, 3, 4, 6, 9, 19])];
        let groups = any(rng, &[1, 1, 1, 1, 1, 1, 1, 2, 3]);
        let n = any(rng, &[1, 2, 3, 4, 5, 8, 9, 11, 20]);
        let padding = any(rng, &[Padding::Same, Padding::Valid, Padding::Explicit(around)]);
        Case {
            images: [n, size[0], size[1], groups * channels[0]],
            kernel: [kernel[0], kernel[1], channels[0], groups * channels[1]],
            conv: Conv2d { stride, dilation, groups, padding },
        }
    }

    /// All kernels that are smaller than their stride along either axis, on sizes of every remainder.
    fn kernels_below_the_stride() -> Vec<Case> {
        let mut cases = vec![];
        let shapes =
            [([1, 1], [2, 2]), ([1, 1], [3, 3]), ([2, 2], [3, 3]), ([1, 3], [2, 2]), ([3, 1], [2, 2])];
        let more = [([1, 2], [2, 1]), ([2, 1], [1, 3]), ([2, 3], [4, 4]), ([1, 1], [4, 1])];
        let paddings = [Padding::Same, Padding::Valid, Padding::Explicit([[1, 2], [3, 0]])];
        for (kernel, stride) in shapes.into_iter().chain(more) {
            for (size, padding) in (3..=8).flat_map(|size| paddings.map(|padding| (size, padding))) {
                let channels = 16 + size % 2;
                cases.push(Case {
                    images: [2, size, 11 - size, channels],
                    kernel: [kernel[0], kernel[1], channels, 16],
                    conv: Conv2d { stride, padding, ..Conv2d::default() },
                });
            }
        }
        cases
    }

    /// One convolution for every number of channels up to two registers of the widest level, on either side.
    fn few_channels() -> Vec<Case> {
        let both = (1..=33).flat_map(|channels| [[channels, 16], [16, channels], [channels, channels]]);
        both.map(|[inputs, outputs]| Case {
            images: [3, 6, 5, inputs],
            kernel: [3, 3, inputs, outputs],
            conv: Conv2d { stride: [1 + inputs % 2; 2], ..Conv2d::default() },
        })
        .collect()
    }

    /// Images of which Winograd's algorithm computes one or several tiles, and of those that it is not worth its while for.
    fn around_winograd() -> Vec<Case> {
        let sizes = [4, 5, 6, 9, 10, 12, 13];
        let kernels = [[3, 1], [5, 2], [4, 2], [2, 1], [6, 2], [7, 3]];
        let all = sizes.into_iter().flat_map(|size| kernels.map(|kernel| (size, kernel)));
        all.map(|(size, [kernel, stride])| Case {
            images: [2, size, size + 1, 16],
            kernel: [kernel, kernel, 16, 16],
            conv: Conv2d { stride: [stride; 2], ..Conv2d::default() },
        })
        .collect()
    }

    /// Strides so large that no window reaches the image behind its padding, or only its first pixels.
    fn images_behind_their_padding() -> Vec<Case> {
        let mut cases = vec![];
        for (channels, before, stride) in [1, 3, 16].into_iter().flat_map(|channels| {
            (3..=9).flat_map(move |before| [4, 5].map(|stride| (channels, before, stride)))
        }) {
            let mut case = Case {
                images: [2, 6, 2, channels],
                kernel: [2, 3, channels, 16],
                conv: Conv2d { stride: [1, stride], ..Conv2d::default() },
            };
            case.conv.padding = Padding::Explicit([[1, 1], [before, 0]]);
            cases.push(case.clone());
            case.images.swap(1, 2);
            case.conv.stride.swap(0, 1);
            case.conv.padding = Padding::Explicit([[before, 0], [1, 1]]);
            cases.push(case);
        }
        cases
    }

    /// Compares all three passes with the definition.
    fn check(&self, rng: &mut Rng, digest: &mut Digest) {
        let Case { images: [n, height, width, channels], kernel: [rows, columns, inputs, outputs], conv } =
            *self;
        let (x, k) = (numbers(&self.images, rng), numbers(&self.kernel, rng));
        let y = x.conv2d(&k, &conv);
        let dy = numbers(&y.shape(), rng);
        let dx = kernels::conv2d_input_grad(&dy, &k, x.shape(), &conv);
        let dk = kernels::conv2d_kernel_grad(&x, &dy, k.shape(), &conv);

        let [xs, ks, dys] = [&x, &k, &dy].map(|t| t.to_vec::<f32>());
        let mut exact = [&x, &k, &y].map(|t| Exact::zeros(t.shape().numel()));
        let span = [0, 1].map(|i| conv.dilation[i] * (self.kernel[i] - 1) + 1);
        let before = conv.padding.resolve([height, width], span, conv.stride).map(|[before, _]| before);
        let &[_, down, right, _] = &*y.shape() else { unreachable!("images have four axes") };
        let per_group = outputs / conv.groups;
        for (image, i, j) in
            (0..n * down * right).map(|at| (at / right / down, at / right % down, at % right))
        {
            for (u, v) in (0..rows * columns).map(|at| (at / columns, at % columns)) {
                let row = (i * conv.stride[0] + u * conv.dilation[0]).wrapping_sub(before[0]);
                let column = (j * conv.stride[1] + v * conv.dilation[1]).wrapping_sub(before[1]);
                if row >= height || column >= width {
                    continue;
                }
                for (c, o) in (0..inputs * outputs).map(|at| (at / outputs, at % outputs)) {
                    let at_x =
                        ((image * height + row) * width + column) * channels + o / per_group * inputs + c;
                    let at_k = ((u * columns + v) * inputs + c) * outputs + o;
                    let at_y = ((image * down + i) * right + j) * outputs + o;
                    let [x, k, dy] = [xs[at_x], ks[at_k], dys[at_y]].map(f64::from);
                    exact[0].add(at_x, dy * k);
                    exact[1].add(at_k, dy * x);
                    exact[2].add(at_y, x * k);
                }
            }
        }
        for (pass, found, exact) in [
            ("input gradient", &dx, &exact[0]),
            ("kernel gradient", &dk, &exact[1]),
            ("forward", &y, &exact[2]),
        ] {
            exact.expect(found, &(pass, self));
            digest.add(&found.to_vec::<f32>());
        }
    }
}

fn check_all(cases: &[Case], mut rng: Rng) {
    let mut digest = Digest::default();
    for case in cases {
        assert!(case.is_possible(), "{case:?}");
        case.check(&mut rng, &mut digest);
    }
    digest.report();
}

/// Some pixels meet no entry of the kernel: their gradient is 0.
#[test]
fn kernels_may_be_smaller_than_their_stride() {
    check_all(&Case::kernels_below_the_stride(), Rng::new(3));
}

#[test]
fn kernels_may_be_smaller_than_their_stride_at_every_level() {
    at_every_level("convolution::kernels_may_be_smaller_than_their_stride");
}

#[test]
fn images_may_lie_behind_their_padding() {
    check_all(&Case::images_behind_their_padding(), Rng::new(4));
}

#[test]
fn images_may_lie_behind_their_padding_at_every_level() {
    at_every_level("convolution::images_may_lie_behind_their_padding");
}

#[test]
fn follows_the_definition() {
    let (count, mut rng) = cases();
    let mut all = Case::few_channels();
    all.extend(Case::around_winograd());
    let random = std::iter::repeat_with(|| Case::random(&mut rng)).filter(Case::is_possible);
    all.extend(random.take(count).collect::<Vec<_>>());
    check_all(&all, rng);
}

#[test]
fn follows_the_definition_at_every_level() {
    at_every_level("convolution::follows_the_definition");
}

/// The cases are worth something: they have both sides of each threshold.
#[test]
fn random_cases_have_everything() {
    let mut rng = Rng::new(1);
    let cases = Vec::from_iter(
        std::iter::repeat_with(|| Case::random(&mut rng)).filter(Case::is_possible).take(1000),
    );
    let mut seen = BTreeSet::new();
    for Case { kernel: [rows, columns, inputs, outputs], conv, .. } in cases {
        let unit = conv.is_direct() && inputs.min(outputs) >= 16;
        seen.insert((
            unit,
            "a kernel smaller than its stride",
            rows < conv.stride[0] || columns < conv.stride[1],
        ));
        seen.insert((unit, "more lines than the unit takes", rows > 16));
        seen.insert((unit, "more phases than the unit takes", conv.stride[0] * conv.stride[1] > 16));
        seen.insert((unit, "no multiple of a tile", !inputs.is_multiple_of(16)));
    }
    assert_eq!(seen.len(), 16, "{seen:?}");
}
