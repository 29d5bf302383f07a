//! Which operations are computed together: one pass over memory instead of one for each.
//!
//! An element-wise operation can be computed in the steps of its users instead of in one of its own, if these go through
//! the same elements: element-wise operations of its shape, sums of such elements for each channel, and kernels that take it as
//! a prologue. With one such step that always pays. With several it is computed several times, which pays if less memory is read
//! and written.
//!
//! And a kernel that takes an epilogue joins the step of the element-wise operations that read its result.

use super::ir::Ir;
use crate::tape::graph::Source;
use tensor::{DType, Shape};

/// Bytes from which on a value is rather computed again than read: as many as no longer lie in a core's cache when they are
/// needed, where reading takes ten times as long as a function of numbers that are in the first-level cache.
const FAR: usize = 1 << 20;

/// How many operations back is looked for what a step reads anyway.
const LOOK_BACK: usize = 5;

/// For each node the nodes that its step computes, itself last; none if it has no step of its own.
pub(super) fn groups(ir: &Ir<'_>, kept: &[usize], live: &[bool]) -> Vec<Vec<usize>> {
    let nodes = ir.nodes;
    let mut users: Vec<Vec<usize>> = vec![vec![]; nodes.len()];
    for i in (0..nodes.len()).filter(|&i| live[i]) {
        nodes[i].inputs.iter().for_each(|&input| users[input].push(i));
    }
    let none = || vec![vec![]; nodes.len()];
    let mut groups =
        Groups { ir, users, homes: none(), members: none(), reads: none(), kernels: vec![None; nodes.len()] };
    let computed = |&i: &usize| live[i] && matches!(nodes[i].source, Source::Op(_));
    for i in (0..nodes.len()).rev().filter(computed) {
        groups.place(i, kept.contains(&i));
    }
    groups.members.iter_mut().for_each(|members| members.reverse());
    groups.members
}

struct Groups<'a> {
    ir: &'a Ir<'a>,
    users: Vec<Vec<usize>>,
    /// The steps that compute a node, each called by the node that it ends with.
    homes: Vec<Vec<usize>>,
    /// The nodes that a step computes, the last first.
    members: Vec<Vec<usize>>,
    /// What a step reads.
    reads: Vec<Vec<usize>>,
    /// The kernel of a step.
    kernels: Vec<Option<usize>>,
}

impl Groups<'_> {
    /// Decides where node `i` is computed; its users have their places already.
    fn place(&mut self, i: usize, kept: bool) {
        let mut homes = vec![];
        let mut own = kept;
        for &user in &self.users[i] {
            for &home in &self.homes[user] {
                match self.takes(home, user, i) {
                    false => own = true,
                    true if homes.contains(&home) => {}
                    true => homes.push(home),
                }
            }
        }
        if self.ir.scalar_expr(i).is_none() {
            (homes, own) = match self.finished_by(i).filter(|_| !kept) {
                Some(home) => (vec![home], false),
                None => (vec![], true),
            };
        }
        let inputs = &self.ir.nodes[i].inputs;
        let more =
            |home: &usize| inputs.iter().map(|&input| self.more(*home, input, LOOK_BACK)).sum::<usize>();
        let bytes = self.bytes(i);
        if homes.len() > 1 && !own {
            // Read what it is computed from, written (to memory that is read first, unless it is in place), read by each; or
            // each reads what it is computed from, and computes it, which takes as long as to read it.
            let read = inputs.iter().map(|&input| self.bytes(input)).sum::<usize>();
            let written = if self.is_in_place(i, LOOK_BACK) { bytes } else { 2 * bytes };
            let together = homes.iter().map(more).sum::<usize>() + homes.len() * bytes;
            own = together >= read + written + homes.len() * bytes;
        }
        if own || homes.is_empty() {
            homes.retain(|home| bytes >= FAR && more(home) < bytes);
            homes.push(i);
        }
        for &home in &homes {
            if self.ir.kernel(i).is_some() {
                self.kernels[home] = Some(i);
            }
            self.members[home].push(i);
            self.reads[home].retain(|&read| read != i);
            for &input in &self.ir.nodes[i].inputs {
                if !self.reads[home].contains(&input) {
                    self.reads[home].push(input);
                }
            }
        }
        self.homes[i] = homes;
    }

    /// Whether node `i` is computed from something of its kind that nobody needs afterwards, and can take its memory.
    fn is_in_place(&self, i: usize, back: usize) -> bool {
        let spec = |i: usize| self.ir.nodes[i].value.spec();
        let takes = |&input: &usize| {
            let computed = matches!(self.ir.nodes[input].source, Source::Op(_));
            let dies = self.users[input].iter().all(|&user| user <= i);
            let on_the_way = self.ir.scalar_expr(input).is_some();
            let free = !on_the_way || back > 0 && self.is_in_place(input, back - 1);
            spec(input) == spec(i) && computed && dies && free
        };
        self.ir.nodes[i].inputs.iter().any(takes)
    }

    /// Whether the step `home` can compute `i` on the way to its member `user`.
    fn takes(&self, home: usize, user: usize, i: usize) -> bool {
        // A step's result is numbers: truth values are not fused.
        self.ir.nodes[home].value.dtype() == DType::F32
            && (self.ir.through(user) == Some(self.ir.nodes[i].value.shape()) || self.takes_prologue(user, i))
    }

    /// Whether node `user` is a kernel that takes a prologue for its operand `i`.
    fn takes_prologue(&self, user: usize, i: usize) -> bool {
        let Some(kernel) = self.ir.kernel(user) else { return false };
        let mut inputs = self.ir.nodes[user].inputs.iter().enumerate();
        inputs.all(|(k, &input)| input != i || kernel.takes_prologue(k))
    }

    /// Whether the step `home` goes through elements of this shape.
    fn goes_through(&self, home: usize, shape: Shape) -> bool {
        let reads = |kernel: usize| {
            let read = |&input: &usize| {
                self.ir.nodes[input].value.shape() == shape && self.takes_prologue(kernel, input)
            };
            self.ir.nodes[kernel].inputs.iter().any(read)
        };
        self.ir.through(home) == Some(shape) || self.kernels[home].is_some_and(reads)
    }

    /// The step that is an epilogue to kernel `i`, whose result nobody else needs: if that is so large that it would have left the
    /// cache before it is read.
    fn finished_by(&self, i: usize) -> Option<usize> {
        let &[user] = &self.users[i][..] else { return None };
        let &[home] = &self.homes[user][..] else { return None };
        let shape = Some(self.ir.nodes[i].value.shape());
        let fits = self.ir.kernel(i).is_some_and(|kernel| kernel.takes_epilogue())
            && self.bytes(i) >= FAR
            && self.kernels[home].is_none()
            && [user, home].iter().all(|&node| {
                self.ir.scalar_expr(node).is_some() && Some(self.ir.nodes[node].value.shape()) == shape
            });
        fits.then_some(home)
    }

    /// The bytes that the step `home` reads in addition if it needs node `i`, or what that is computed from.
    fn more(&self, home: usize, i: usize, back: usize) -> usize {
        if self.reads[home].contains(&i) {
            return 0;
        }
        let bytes = self.bytes(i);
        let shape = self.ir.nodes[i].value.shape();
        if back == 0 || self.ir.scalar_expr(i).is_none() || !self.goes_through(home, shape) {
            return bytes;
        }
        let inputs = self.ir.nodes[i].inputs.iter();
        inputs.map(|&input| self.more(home, input, back - 1)).sum::<usize>().min(bytes)
    }

    fn bytes(&self, i: usize) -> usize {
        self.ir.nodes[i].value.spec().bytes()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Conv2d, Graph, Module, Param, ParamPath, Tensor};
    use tensor::{DType, Rng};

    struct Params([Param; 3]);

    impl Module for Params {
        fn visit<'a>(&'a self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a Param)) {
            self.0.iter().for_each(|param| param.visit(path, f));
        }
        fn visit_mut<'a>(
            &'a mut self,
            path: &ParamPath<'_>,
            f: &mut dyn FnMut(&ParamPath<'_>, &'a mut Param),
        ) {
            self.0.iter_mut().for_each(|param| param.visit_mut(path, f));
        }
    }

    /// The steps with the sums and with the gradient of a normalised, rectified batch of so many rows, and which they read of
    /// the batch before and after; the gradients are those of the graph, to the bit.
    fn steps(rows: usize) -> Vec<String> {
        let rng = &mut Rng::new(1);
        let mut normal = |shape: [usize; 2]| Tensor::normal(shape, 0.0, 1.0, DType::F32, rng);
        let channels = [(); 2].map(|()| normal([1, 64]).flatten(0));
        let [scale, offset] = channels.map(Param::new);
        let model = Params([Param::new(normal([8, 64])), scale, offset]);
        let (images, more) = (normal([rows, 8]), normal([64, 3]));
        let graph = Graph::training(0, 0);
        let [weights, scale, offset] = model.0.each_ref().map(|param| graph.param(param));
        let x = graph.input(images.clone()).matmul(weights);
        let y = x.batch_norm_affine(1e-5, Some(scale), Some(offset))[0].relu();
        let loss = y.matmul(graph.constant(more)).square().sum(..);
        let expected = loss.backward();
        let mut program = graph.compile(&[loss]);
        assert_eq!(program.run(&model, 0, &[images]).unwrap(), [loss.value()]);
        for param in &model.0 {
            assert_eq!(program.grads().get(param), expected.get(param));
        }
        let known = |node: &usize| [(x.index(), 'x'), (y.index(), 'y')].into_iter().find(|(i, _)| i == node);
        let name =
            |inputs: &[usize]| inputs.iter().filter_map(known).map(|(_, name)| name).collect::<String>();
        let steps = program.steps().iter().filter(|step| step.op.contains(" Normalize"));
        steps.map(|step| format!("{} {}", step.op, name(&step.inputs))).collect()
    }

    #[test]
    fn a_rectifier_is_passed_inside_the_gradient_of_a_normalisation() {
        // What is in the cache is read; what is not is computed again from what is read anyway.
        assert_eq!(steps(100), ["ReluGrad NormalizeSums yx", "ReluGrad NormalizeGrad yx"]);
        assert_eq!(
            steps(10_000),
            ["Normalize Relu ReluGrad NormalizeSums x", "Normalize Relu ReluGrad NormalizeGrad x"]
        );
    }

    /// A normalised, rectified batch is computed as a convolution reads it, since what it is computed from stays in memory for
    /// the gradient; an exponential takes the memory of what it is computed from, and is read by three.
    #[test]
    fn a_convolution_reads_what_is_computed_meanwhile() {
        let rng = &mut Rng::new(1);
        let mut normal = |shape: [usize; 4]| Tensor::normal(shape, 0.0, 1.0, DType::F32, rng);
        let kernels = [normal([3, 3, 2, 16]), normal([3, 3, 16, 16]), normal([1, 1, 16, 4])].map(Param::new);
        let (model, images) = (Params(kernels), normal([4, 9, 8, 2]));
        for conv in [Conv2d::default(), Conv2d { dilation: [2, 2], ..Conv2d::default() }] {
            let graph = Graph::training(0, 0);
            let [first, second, third] = model.0.each_ref().map(|kernel| graph.param(kernel));
            let x = graph.input(images.clone()).conv2d(first, Conv2d::default()).batch_norm(1e-3).relu();
            let y = x.conv2d(second, conv).exp().conv2d(third, conv);
            let loss = y.square().sum(..);
            let expected = loss.backward();
            let mut program = graph.compile(&[loss]);
            assert_eq!(program.run(&model, 0, std::slice::from_ref(&images)).unwrap(), [loss.value()]);
            for param in &model.0 {
                assert_eq!(program.grads().get(param), expected.get(param));
            }
            let fused = program.steps().iter().filter(|step| step.is_fused && step.op.contains("Convolve"));
            let fused: Vec<&str> = fused.map(|step| step.op.as_str()).collect();
            match conv.dilation {
                [1, 1] => assert_eq!(
                    fused,
                    [
                        "Normalize Relu Convolve",
                        "Normalize Relu ConvolveKernelGrad",
                        "Normalize Relu ReluGrad NormalizeGrad ConvolveKernelGrad"
                    ]
                ),
                // Images that are unfolded are not read one by one.
                _ => assert_eq!(fused, ["ReluGrad NormalizeGrad ConvolveKernelGrad"]),
            }
        }
    }

    /// What is made of a convolution's result, and of its gradient, is computed while that is in the cache, if it is large.
    #[test]
    fn a_convolution_is_gone_on_with_image_by_image() {
        let rng = &mut Rng::new(1);
        let mut normal = |shape: [usize; 4]| Tensor::normal(shape, 0.0, 1.0, DType::F32, rng);
        let kernels = [normal([3, 3, 2, 4]), normal([3, 3, 4, 4]), normal([1, 1, 1, 4])].map(Param::new);
        let model = Params(kernels);
        for count in [3, 200] {
            let images = normal([count, 20, 19, 2]);
            let graph = Graph::training(0, 0);
            let [first, second, bias] = model.0.each_ref().map(|kernel| graph.param(kernel));
            let x = (graph.input(images.clone()).conv2d(first, Conv2d::default()) + bias).relu();
            let loss = x.conv2d(second, Conv2d::default()).square().sum(..);
            let expected = loss.backward();
            let mut program = graph.compile(&[loss]);
            assert_eq!(program.run(&model, 0, std::slice::from_ref(&images)).unwrap(), [loss.value()]);
            for param in &model.0 {
                assert_eq!(program.grads().get(param), expected.get(param));
            }
            let ops: Vec<&str> = program.steps().iter().map(|step| step.op.as_str()).collect();
            let (both, buffers) = (["Convolve Add Relu", "ConvolveInputGrad ReluGrad"], program.buffers());
            for op in both {
                assert_eq!(ops.contains(&op), count == 200, "{op}: {ops:?}");
            }
            // The gradient takes the place of what it was rectified by.
            if let [Some(before), Some(behind)] = both.map(|op| ops.iter().position(|&other| other == op)) {
                assert_eq!(buffers[before], buffers[behind]);
            }
        }
    }
}
