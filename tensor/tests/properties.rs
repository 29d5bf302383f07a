//! Random shapes, views and operands against a naive model: a vector of indices into plain numbers.

use proptest::collection::vec;
use proptest::prelude::*;
use tensor::kernels;
use tensor::{Conv2d, DType, Element, Padding, Rng, Slice, Tensor, ViewOp, set_threads};

/// A tensor as one would write it down: the shape, and the elements in row-major order.
#[derive(Clone, Debug, PartialEq)]
struct Model {
    shape: Vec<usize>,
    data: Vec<i64>,
}

impl Model {
    /// Element `i` is what `f` gives for its indices.
    fn new(shape: &[usize], mut f: impl FnMut(&[usize]) -> i64) -> Model {
        let count: usize = shape.iter().product();
        let data = (0..count).map(|i| f(&indices(shape, i))).collect();
        Model { shape: shape.to_vec(), data }
    }

    fn numbered(shape: &[usize], first: i64) -> Model {
        let mut next = first - 1;
        Model::new(shape, |_| {
            next += 1;
            next
        })
    }

    fn at(&self, index: &[usize]) -> i64 {
        self.data[index.iter().zip(&self.shape).fold(0, |at, (i, size)| at * size + i)]
    }

    /// The element that a larger tensor sees at `index` when this is broadcast to it.
    fn broadcast_at(&self, index: &[usize]) -> i64 {
        let own = &index[index.len() - self.shape.len()..];
        self.at(&own
            .iter()
            .zip(&self.shape)
            .map(|(&i, &size)| if size == 1 { 0 } else { i })
            .collect::<Vec<_>>())
    }

    fn tensor(&self) -> Tensor {
        Tensor::from_vec(self.data.clone(), &self.shape).unwrap()
    }
}

/// The indices of element number `i` in row-major order.
fn indices(shape: &[usize], mut i: usize) -> Vec<usize> {
    let mut index: Vec<usize> = shape.iter().rev().map(|&size| (i % size, i /= size).0).collect();
    index.reverse();
    index
}

fn model_of(x: &Tensor) -> Model {
    Model { shape: x.shape().to_vec(), data: x.to_vec() }
}

fn shapes() -> impl Strategy<Value = Vec<usize>> {
    vec(0..5_usize, 0..=4)
}

/// One step of a chain of views; the numbers choose among what the shape at hand allows.
fn view(x: &Tensor, m: &Model, choice: u8, [a, b, c]: [usize; 3]) -> (Tensor, Model) {
    let rank = m.shape.len();
    let axis = |n: usize| n % rank.max(1);
    match choice {
        0 => {
            // A permutation: the axes sorted by keys that the numbers give.
            let mut order: Vec<usize> = (0..rank).collect();
            order.sort_by_key(|&i| (i + a).wrapping_mul(2 * b + 1).wrapping_mul(0x9e37) % 7);
            let shape: Vec<usize> = order.iter().map(|&i| m.shape[i]).collect();
            let moved = Model::new(&shape, |index| {
                let mut from = vec![0; rank];
                order.iter().zip(index).for_each(|(&to, &i)| from[to] = i);
                m.at(&from)
            });
            (x.permute(order.iter().map(|&i| i as isize).collect::<Vec<_>>()), moved)
        }
        1 if rank > 0 => {
            let (axis, size) = (axis(a), m.shape[axis(a)]);
            let (start, end) = (b % (size + 1), c % (size + 1));
            let (start, end) = (start.min(end), start.max(end));
            let step: isize = [1, 2, 3, -1, -2, -3][(b + c) % 6];
            let taken: Vec<usize> = if step > 0 {
                (start..end).step_by(step as usize).collect()
            } else {
                (start..end).rev().step_by(step.unsigned_abs()).collect()
            };
            let mut shape = m.shape.clone();
            shape[axis] = taken.len();
            let part = Slice::from(start as isize..end as isize).step(step);
            let sliced = Model::new(&shape, |index| {
                let mut from = index.to_vec();
                from[axis] = taken[index[axis]];
                m.at(&from)
            });
            (x.slice(axis as isize - rank as isize, part), sliced)
        }
        2 if rank > 0 => {
            let axis = axis(a);
            let flipped = Model::new(&m.shape, |index| {
                let mut from = index.to_vec();
                from[axis] = m.shape[axis] - 1 - index[axis];
                m.at(&from)
            });
            (x.flip(axis as isize), flipped)
        }
        3 if rank < 6 => {
            let place = a % (rank + 1);
            let mut shape = m.shape.clone();
            shape.insert(place, 1);
            (x.unsqueeze(place as isize), Model { shape, data: m.data.clone() })
        }
        4 if rank < 6 && m.data.len() < 300 => {
            let mut shape = m.shape.clone();
            shape.iter_mut().filter(|size| **size == 1).for_each(|size| *size = b % 4);
            if c % 2 == 0 {
                shape.insert(0, a % 3 + 1);
            }
            (x.broadcast_to(&shape), Model::new(&shape, |index| m.broadcast_at(index)))
        }
        _ => {
            // The same elements under the shape [k, count / k], or flat.
            let count = m.data.len();
            let rows = (1..=4).rev().find(|&k| count.is_multiple_of(k) && k % 2 == a % 2).unwrap_or(1);
            let shape = if b % 3 == 0 { vec![count] } else { vec![rows, count / rows] };
            (x.reshape(&shape), Model { shape, data: m.data.clone() })
        }
    }
}

type Steps = Vec<(u8, [usize; 3])>;

fn steps() -> impl Strategy<Value = Steps> {
    vec((0..6_u8, [0..12_usize, 0..12, 0..12]), 0..6)
}

/// A tensor in some layout, with its model.
fn viewed(shape: &[usize], first: i64, steps: &Steps) -> (Tensor, Model) {
    let model = Model::numbered(shape, first);
    let start = (model.tensor(), model);
    steps.iter().fold(start, |(x, m), &(choice, numbers)| view(&x, &m, choice, numbers))
}

/// Two shapes that broadcast with each other, and the shape they share.
fn broadcastable() -> impl Strategy<Value = [Vec<usize>; 3]> {
    (vec((0..5_usize, 0..3_u8), 0..=4), 0..5_usize, any::<bool>()).prop_map(|(axes, cut, swap)| {
        let whole: Vec<usize> = axes.iter().map(|&(size, _)| size).collect();
        let thin = |which: u8| axes.iter().map(move |&(size, one)| if one == which { 1 } else { size });
        let a: Vec<usize> = thin(1).collect();
        let b: Vec<usize> = thin(2).skip(cut.min(axes.len())).collect();
        // Where `b` has no axis and `a` has size 1, the shared size is 1.
        let lead = whole.len() - b.len();
        let shared = whole.iter().enumerate().map(|(i, &size)| if i < lead { a[i] } else { size }).collect();
        if swap { [b, a, shared] } else { [a, b, shared] }
    })
}

/// In some other layout: reversed, and with gaps.
fn disordered(x: &Tensor) -> Tensor {
    let axes = || 0..x.rank() as isize;
    let gaps = Tensor::stack(&[&axes().fold(x.clone(), |x, axis| x.flip(axis)), x], -1);
    axes().fold(gaps.narrow(-1, 0, 1).squeeze(-1), |x, axis| x.flip(axis))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn chains_of_views(shape in shapes(), steps in steps()) {
        let (x, m) = viewed(&shape, 0, &steps);
        prop_assert_eq!(model_of(&x), m);
        prop_assert_eq!(x.contiguous(), x.clone());
        prop_assert_eq!(x.to(DType::F64).to(DType::I64), x);
    }

    #[test]
    fn display_never_panics(shape in shapes(), steps in steps(), kind in 0..4_usize, digits in 0..20_usize) {
        let (x, _) = viewed(&shape, -3, &steps);
        let x = x.to([DType::F32, DType::F64, DType::I64, DType::Bool][kind]);
        let x = if kind < 2 { x.square() / &x * 1e30 } else { x };
        let text = format!("{x:.digits$} {x:?}");
        prop_assert!(text.matches('[').count() == text.matches(']').count());
    }

    #[test]
    fn binary_operations([a, b, shared] in broadcastable(), s in steps(), t in steps()) {
        let (a, b) = (Model::numbered(&a, 1), Model::numbered(&b, -2));
        for (x, y) in [(a.tensor(), b.tensor()), (disordered(&a.tensor()), disordered(&b.tensor()))] {
            let naive = |f: fn(i64, i64) -> i64| Model::new(&shared, |i| f(a.broadcast_at(i), b.broadcast_at(i)));
            prop_assert_eq!(model_of(&(&x + &y)), naive(|x, y| x + y));
            prop_assert_eq!(model_of(&(&x - &y)), naive(|x, y| x - y));
            prop_assert_eq!(model_of(&(&x * &y)), naive(|x, y| x * y));
            prop_assert_eq!(model_of(&x.maximum(&y)), naive(i64::max));
            prop_assert_eq!(model_of(&x.minimum(&y)), naive(i64::min));
            prop_assert_eq!(model_of(&x.less(&y).to(DType::I64)), naive(|x, y| (x < y) as i64));
            prop_assert_eq!(model_of(&x.greater(&y).select(&x, &y)), naive(i64::max));
        }
        // Operands that views made, with themselves in another layout.
        let (x, m) = viewed(&a.shape, 1, &s);
        prop_assert_eq!(model_of(&(&x - disordered(&x) * 2.0)).data, m.data.iter().map(|x| -x).collect::<Vec<_>>());
        let (mut x, m) = viewed(&b.shape, 1, &t);
        let before = x.clone();
        x += &before;
        prop_assert_eq!(x.to_vec::<i64>(), m.data.iter().map(|x| 2 * x).collect::<Vec<_>>());
        prop_assert_eq!(model_of(&before), m);
    }

    #[test]
    fn reductions(shape in shapes(), steps in steps(), mask in 0..256_usize) {
        let (x, m) = viewed(&shape, -3, &steps);
        let reduced = |i: usize| mask >> i & 1 == 1;
        let axes: Vec<isize> = (0..m.shape.len()).filter(|&i| reduced(i)).map(|i| i as isize).collect();
        let kept: Vec<usize> = m.shape.iter().enumerate().map(|(i, &d)| if reduced(i) { 1 } else { d }).collect();
        let dropped: Vec<usize> = (0..m.shape.len()).filter(|&i| !reduced(i)).map(|i| m.shape[i]).collect();
        // For each result the elements it combines.
        let mut groups: Vec<Vec<i64>> = vec![vec![]; kept.iter().product()];
        for (i, &value) in m.data.iter().enumerate() {
            let index = indices(&m.shape, i);
            let cell = index.iter().enumerate().fold(0, |c, (i, &at)| if reduced(i) { c } else { c * kept[i] + at });
            groups[cell].push(value);
        }
        let all = |f: fn(&[i64]) -> i64| groups.iter().map(|group| f(group)).collect::<Vec<i64>>();
        let sum = x.sum_keepdim(axes.clone());
        prop_assert_eq!(sum.shape().to_vec(), kept);
        prop_assert_eq!(sum.to_vec::<i64>(), all(|g| g.iter().sum()));
        prop_assert_eq!(x.sum(axes.clone()).shape().to_vec(), dropped);
        prop_assert_eq!(x.prod(axes.clone()).to_vec::<i64>(), all(|g| g.iter().fold(1, |a, &b| a.wrapping_mul(b))));
        let positive = x.greater(&Tensor::from(0_i64));
        prop_assert_eq!(positive.any(axes.clone()).to(DType::I64).to_vec::<i64>(),
            all(|g| g.iter().any(|&x| x > 0) as i64));
        prop_assert_eq!(positive.all(axes.clone()).to(DType::I64).to_vec::<i64>(),
            all(|g| g.iter().all(|&x| x > 0) as i64));
        if groups.iter().all(|g| !g.is_empty()) {
            prop_assert_eq!(x.max(axes.clone()).to_vec::<i64>(), all(|g| *g.iter().max().unwrap()));
            prop_assert_eq!(x.min(axes.clone()).to_vec::<i64>(), all(|g| *g.iter().min().unwrap()));
            let mean = x.to(DType::F64).mean(axes.clone()).to_vec::<f64>();
            for (mean, group) in mean.iter().zip(&groups) {
                prop_assert!((mean * group.len() as f64 - group.iter().sum::<i64>() as f64).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn products_of_matrices([a, b, lead] in broadcastable(), size in [0..5_usize, 0..5, 0..5], turn in 0..16_u8) {
        let [m, k, n] = size;
        let with = |lead: &[usize], rows, columns| [lead, &[rows, columns]].concat();
        // An operand may lie transposed or reversed in memory.
        let laid = |x: Tensor, turn: u8| {
            let x = if turn & 1 == 1 { x.t().contiguous().t() } else { x };
            if turn & 2 == 2 { disordered(&x) } else { x }
        };
        let (a, b) = (Model::numbered(&with(&a, m, k), -4), Model::numbered(&with(&b, k, n), 3));
        let (x, y) = (laid(a.tensor(), turn), laid(b.tensor(), turn >> 2));
        let expected = Model::new(&with(&lead, m, n), |index| {
            let (lead, cell) = index.split_at(index.len() - 2);
            (0..k).map(|i| a.broadcast_at(&with(lead, cell[0], i)) * b.broadcast_at(&with(lead, i, cell[1]))).sum()
        });
        let product = x.to(DType::F64).matmul(&y.to(DType::F64));
        prop_assert_eq!(model_of(&product.to(DType::I64)), expected.clone());
        let (x, y) = (laid(a.tensor().to(DType::F32), turn), laid(b.tensor().to(DType::F32), turn >> 2));
        prop_assert_eq!(model_of(&x.matmul(&y).to(DType::I64)), expected);
    }

    #[test]
    fn cutting_and_joining(shape in vec(0..5_usize, 1..=4), steps in steps(), a in 0..8_usize, cut in 0..8_usize) {
        let (x, m) = viewed(&shape, 1, &steps);
        prop_assume!(x.rank() > 0);
        let axis = a % x.rank();
        let (size, at) = (m.shape[axis], cut % (m.shape[axis] + 1));
        let axis = axis as isize;
        let pieces = x.split(axis, &[at, 0, size - at]);
        prop_assert_eq!(&Tensor::concat(&pieces.iter().collect::<Vec<_>>(), axis), &x);
        let stacked = Tensor::stack(&[&x, &(&x * 2.0)], axis);
        prop_assert_eq!(stacked.narrow(axis, 1, 1).squeeze(axis), &x + &x);
        let padding: Vec<[usize; 2]> = (0..x.rank()).map(|i| [(a + i) % 3, (cut + i) % 2]).collect();
        let padded = x.pad(&padding, -1.0);
        prop_assert_eq!(padded.sum(..), x.sum(..) - (padded.numel() - x.numel()) as f64);
        let back = padding.iter().enumerate().fold(padded, |p, (i, &[before, _])| p.narrow(i as isize, before, m.shape[i]));
        prop_assert_eq!(back, x);
    }

    #[test]
    fn choosing_by_index(shape in vec(0..5_usize, 1..=4), steps in steps(), a in 0..8_usize, seed in 0..1000_u64) {
        let (x, m) = viewed(&shape, 1, &steps);
        prop_assume!(x.rank() > 0);
        let axis = a % x.rank();
        let size = m.shape[axis];
        let mut rng = Rng::new(seed);
        let draws = if size == 0 { 0 } else { seed as usize % 6 };
        let mut draw = || (rng.bits() % size.max(1) as u64) as i64;
        // A row of indices, and one index for each element of the result.
        let row: Vec<i64> = (0..draws).map(|_| draw()).collect();
        let mut wanted = m.shape.clone();
        wanted[axis] = draws;
        let each = Model::new(&wanted, |_| draw());
        let with = |index: &[usize], i: i64| {
            let mut from = index.to_vec();
            from[axis] = i as usize;
            from
        };
        let (by_row, by_each) = (Tensor::from(row.clone()), each.tensor());
        let chosen = x.index_select(axis as isize, &by_row);
        prop_assert_eq!(model_of(&chosen), Model::new(&wanted, |index| m.at(&with(index, row[index[axis]]))));
        let gathered = x.gather(axis as isize, &by_each);
        prop_assert_eq!(model_of(&gathered), Model::new(&wanted, |index| m.at(&with(index, each.at(index)))));
        // The adjoints: ⟨choose(x), y⟩ = ⟨x, add(y)⟩.
        let y = Model::numbered(&wanted, -5).tensor();
        prop_assert_eq!((&chosen * &y).sum(..), (&x * y.index_add(axis as isize, &by_row, size)).sum(..));
        prop_assert_eq!((&gathered * &y).sum(..), (&x * y.scatter_add(axis as isize, &by_each, size)).sum(..));
        // A one for each index, in its place and nowhere else.
        let ones = by_each.one_hot(size, DType::I64);
        prop_assert_eq!(ones.sum(-1), by_each.ones_like());
        if size > 0 {
            prop_assert_eq!(ones.argmax(-1), by_each);
        }
    }

    #[test]
    fn writing_changes_only_the_own_handle(shape in shapes(), steps in steps(), way in 0..7_u8) {
        let base = Model::numbered(&shape, 1);
        let whole = base.tensor();
        let (mut x, m) = steps
            .iter()
            .fold((whole.clone(), base.clone()), |(x, m), &(choice, numbers)| view(&x, &m, choice, numbers));
        let other = x.clone();
        let expected: Vec<i64> = match way {
            0 => { x.fill(7.0); vec![7; m.data.len()] }
            1 => { x += &Tensor::from(10_i64); m.data.iter().map(|x| x + 10).collect() }
            2 => { x *= &other; m.data.iter().map(|x| x * x).collect() }
            3 => { x -= &other; vec![0; m.data.len()] }
            4 => { x /= &Tensor::from(2_i64); m.data.iter().map(|x| x / 2).collect() }
            5 => { x.as_mut_slice::<i64>().iter_mut().for_each(|x| *x = -*x); m.data.iter().map(|x| -x).collect() }
            _ => { x.assign(&ViewOp::Broadcast(x.shape()), &Tensor::from(3_i64)); vec![3; m.data.len()] }
        };
        prop_assert_eq!(x.to_vec::<i64>(), expected);
        prop_assert_eq!(model_of(&other), m);
        prop_assert_eq!(model_of(&whole), base);
    }
}

#[test]
fn assigning_to_a_part_writes_that_part() {
    let m = Model::numbered(&[4, 5], 0);
    let mut x = m.tensor();
    let before = x.clone();
    x.assign(&ViewOp::Slice(1, Slice::from(1..5).step(-2)), &Tensor::from([[100_i64], [200], [300], [400]]));
    let hundreds = |i: &[usize]| if [2, 4].contains(&i[1]) { 100 * (i[0] as i64 + 1) } else { m.at(i) };
    assert_eq!(model_of(&x), Model::new(&[4, 5], hundreds));
    assert_eq!(model_of(&before), m);
}

/// Sizes beyond what random cases reach: sums in several blocks, where an axis that stays is empty.
#[test]
fn empty_axes_beside_long_ones() {
    for shape in [[0, 3000, 2], [3000, 0, 2], [2, 3000, 0]] {
        let x = Tensor::zeros(shape, DType::F32);
        for axes in [vec![0], vec![1], vec![2], vec![0, 1], vec![0, 2], vec![1, 2], vec![0, 1, 2]] {
            let sum = x.sum(axes.clone());
            assert_eq!(sum.to_vec::<f32>(), vec![0.0; sum.numel()], "{shape:?} over {axes:?}");
            assert!(x.prod(axes).to_vec::<f32>().iter().all(|&p| p == 1.0));
        }
        assert!(x.moments().iter().all(|moment| moment.shape() == [shape[2]]));
    }
    assert_eq!(
        Tensor::zeros([1 << 50, 0], DType::F32).to_string(),
        "[[],\n [],\n [],\n ...,\n [],\n [],\n []]"
    );
}

/// A convolution of images without channels, or of padding alone, is a sum of nothing.
#[test]
fn convolutions_of_nothing() {
    for (images, kernel, padding) in [
        ([2, 4, 4, 0], [3, 3, 0, 2], Padding::Same),
        ([2, 0, 4, 1], [1, 1, 1, 2], Padding::Explicit([[1, 1], [0, 0]])),
        ([0, 4, 4, 1], [3, 3, 1, 2], Padding::Same),
        ([2, 4, 4, 1], [3, 3, 1, 0], Padding::Same),
    ] {
        let (x, k) = (Tensor::ones(images, DType::F32), Tensor::ones(kernel, DType::F32));
        let conv = Conv2d { padding, ..Conv2d::default() };
        let y = x.conv2d(&k, &conv);
        assert_eq!(y, y.zeros_like());
        assert_eq!(kernels::conv2d_input_grad(&y, &k, x.shape(), &conv), x.zeros_like());
        assert_eq!(kernels::conv2d_kernel_grad(&x, &y, k.shape(), &conv), k.zeros_like());
    }
}

#[test]
fn integers_wrap_around_in_every_sum() {
    let x = Tensor::from([i64::MAX, 1]);
    let twice = Tensor::from([0_i64, 0]);
    assert_eq!(x.sum(..).item(), i64::MIN as f64);
    assert_eq!(x.scatter_add(0, &twice, 1).to_vec::<i64>(), [i64::MIN]);
    assert_eq!(x.index_add(0, &twice, 1).to_vec::<i64>(), [i64::MIN]);
    assert_eq!(
        kernels::scatter_view(&x, &ViewOp::Broadcast([2].into()), [1].into()).to_vec::<i64>(),
        [i64::MIN]
    );
}

fn bits<T: Element>(results: &[Tensor], to_bits: impl Fn(T) -> u64) -> Vec<Vec<u64>> {
    results.iter().map(|x| x.to_vec::<T>().into_iter().map(&to_bits).collect()).collect()
}

/// How work is cut depends on shapes alone, so no thread count changes a bit. The only test here that sets it.
#[test]
fn thread_counts_do_not_change_a_bit() {
    let rng = &mut Rng::new(5);
    let mut normal = |shape: &[usize]| Tensor::normal(shape, 0.1, 1.0, DType::F32, rng);
    let long = normal(&[300_007]);
    let table = normal(&[3001, 77]);
    let (a, b) = (normal(&[301, 257]), normal(&[257, 333]));
    let (batch, right) = (normal(&[9, 65, 130]), normal(&[130, 70]));
    let (images, kernel) = (normal(&[37, 14, 14, 6]), normal(&[5, 5, 6, 12]));
    let conv = Conv2d { stride: [2, 2], ..Conv2d::default() };
    let features = normal(&[61, 14, 14, 12]);
    let incoming = normal(&[61, 14, 14, 12]);
    let results = || {
        let y = images.conv2d(&kernel, &conv);
        vec![
            long.sum(..),
            long.logsumexp(..),
            long.exp(),
            table.sum(0),
            table.mean(1),
            table.t().sum(0),
            table.var(.., 1),
            &table * table.narrow(0, 0, 1),
            a.matmul(&b),
            b.t().matmul(&a.t()),
            batch.matmul(&right),
            kernels::conv2d_kernel_grad(&images, &y, kernel.shape(), &conv),
            kernels::conv2d_input_grad(&y, &kernel, images.shape(), &conv),
            y,
            Tensor::stack(&features.moments().each_ref(), 0),
            {
                let row = |i: usize| features.moments()[i].clone();
                kernels::normalize_grad(&features, &row(0), &row(1), &row(0), &row(1), &incoming)
            },
            {
                let row = |i: usize| features.moments()[i].clone();
                kernels::normalize(&features, &row(0), &row(1), &row(0), &row(1))
            },
            {
                let row = |i: usize| features.moments()[i].clone();
                kernels::normalize_sums(&features, &row(0), &row(1), &incoming)
            },
        ]
    };
    let of = |n: usize| {
        set_threads(n);
        bits::<f32>(&results(), |x| x.to_bits().into())
    };
    let one = of(1);
    for n in [2, 3] {
        for (i, (found, expected)) in of(n).iter().zip(&one).enumerate() {
            assert!(found == expected, "result {i} with {n} threads is another than with one");
        }
    }
}
