//! Which operations are computed together: in one pass over memory instead of one for each.
//!
//! An element-wise operation can be computed in the groups of its users instead of in a step of its own, if these go through the same
//! elements: element-wise operations of its shape, sums of such elements for each channel, and kernels that take it as a prologue.
//! And a kernel that takes an epilogue joins the group of the element-wise operations that read its result. Whether that pays
//! is the cost model's to say (`cost.rs`).

use super::cost;
use super::ir::Ir;
use crate::tape::graph::Source;
use tensor::{DType, Shape};

/// How many operations back the search goes for what a group reads anyway.
const LOOK_BACK: usize = 5;

/// For each node the nodes that its group computes, itself last; none if no group ends with it.
pub(super) fn groups(ir: &Ir<'_>, kept: &[usize], live: &[bool]) -> Vec<Vec<usize>> {
    let nodes = ir.nodes;
    let mut users: Vec<Vec<usize>> = vec![vec![]; nodes.len()];
    for i in (0..nodes.len()).filter(|&i| live[i]) {
        nodes[i].inputs.iter().for_each(|&input| users[input].push(i));
    }
    let none = || vec![vec![]; nodes.len()];
    let kernels = vec![None; nodes.len()];
    let mut groups = Groups { ir, users, of: none(), members: none(), reads: none(), kernels };
    let computed = |&i: &usize| live[i] && matches!(nodes[i].source, Source::Op(_));
    for i in (0..nodes.len()).rev().filter(computed) {
        groups.assign_group(i, kept.contains(&i));
    }
    groups.members.iter_mut().for_each(|members| members.reverse());
    groups.members
}

/// Groups, each called by the node that it ends with.
struct Groups<'a> {
    ir: &'a Ir<'a>,
    users: Vec<Vec<usize>>,
    /// The groups that compute a node.
    of: Vec<Vec<usize>>,
    /// The nodes that a group computes, the last first.
    members: Vec<Vec<usize>>,
    /// What a group reads.
    reads: Vec<Vec<usize>>,
    /// The kernel of a group.
    kernels: Vec<Option<usize>>,
}

impl Groups<'_> {
    /// Decides in which groups node `i` is computed; its users are in theirs already.
    fn assign_group(&mut self, i: usize, kept: bool) {
        let (mut groups, mut alone) = if self.ir.scalar_expr(i).is_some() {
            self.groups_of_users(i, kept)
        } else {
            match self.epilogue_of(i).filter(|_| !kept) {
                Some(group) => (vec![group], false),
                None => (vec![], true),
            }
        };
        let (inputs, bytes) = (&self.ir.nodes[i].inputs, self.bytes(i));
        let more =
            |group: usize| inputs.iter().map(|&input| self.more(group, input, LOOK_BACK)).sum::<usize>();
        if groups.len() > 1 && !alone {
            let read = inputs.iter().map(|&input| self.bytes(input)).sum();
            let each: Vec<usize> = groups.iter().map(|&group| more(group)).collect();
            alone = cost::pays_alone(bytes, read, self.is_in_place(i, LOOK_BACK), &each);
        }
        if alone || groups.is_empty() {
            groups.retain(|&group| cost::is_rather_computed(bytes, more(group)));
            groups.push(i);
        }
        for &group in &groups {
            if self.ir.kernel(i).is_some() {
                self.kernels[group] = Some(i);
            }
            self.members[group].push(i);
            self.reads[group].retain(|&read| read != i);
            for &input in &self.ir.nodes[i].inputs {
                if !self.reads[group].contains(&input) {
                    self.reads[group].push(input);
                }
            }
        }
        self.of[i] = groups;
    }

    /// The groups of the users of node `i` that can compute it on the way, and whether it needs a step of its own for the others.
    fn groups_of_users(&self, i: usize, kept: bool) -> (Vec<usize>, bool) {
        let (mut groups, mut alone) = (vec![], kept);
        for &user in &self.users[i] {
            for &group in &self.of[user] {
                match self.takes(group, user, i) {
                    false => alone = true,
                    true if groups.contains(&group) => {}
                    true => groups.push(group),
                }
            }
        }
        (groups, alone)
    }

    /// Whether node `i` is computed from something of its kind that no later operation reads, and can take its memory.
    fn is_in_place(&self, i: usize, back: usize) -> bool {
        let spec = |i: usize| self.ir.nodes[i].value.spec();
        let takes = |&input: &usize| {
            let computed = self.ir.nodes[input].source.is_computed();
            let dies = self.users[input].iter().all(|&user| user <= i);
            let on_the_way = self.ir.scalar_expr(input).is_some();
            let free = !on_the_way || back > 0 && self.is_in_place(input, back - 1);
            spec(input) == spec(i) && computed && dies && free
        };
        self.ir.nodes[i].inputs.iter().any(takes)
    }

    /// Whether a group can compute `i` on the way to its member `user`.
    fn takes(&self, group: usize, user: usize, i: usize) -> bool {
        // A group ends with numbers; truth values are in the middle only.
        self.ir.nodes[group].value.dtype() == DType::F32
            && (self.ir.through(user) == Some(self.ir.nodes[i].value.shape()) || self.takes_prologue(user, i))
    }

    /// Whether node `user` is a kernel that takes a prologue for its operand `i`.
    fn takes_prologue(&self, user: usize, i: usize) -> bool {
        let Some(kernel) = self.ir.kernel(user) else { return false };
        let mut inputs = self.ir.nodes[user].inputs.iter().enumerate();
        inputs.all(|(k, &input)| input != i || kernel.takes_prologue(k))
    }

    /// Whether a group goes through elements of this shape.
    fn goes_through(&self, group: usize, shape: Shape) -> bool {
        let reads = |kernel: usize| {
            let read = |&input: &usize| {
                self.ir.nodes[input].value.shape() == shape && self.takes_prologue(kernel, input)
            };
            self.ir.nodes[kernel].inputs.iter().any(read)
        };
        self.ir.through(group) == Some(shape) || self.kernels[group].is_some_and(reads)
    }

    /// The group that is an epilogue to kernel `i`, whose result nobody else needs, if that pays.
    fn epilogue_of(&self, i: usize) -> Option<usize> {
        let &[user] = &self.users[i][..] else { return None };
        let &[group] = &self.of[user][..] else { return None };
        let shape = Some(self.ir.nodes[i].value.shape());
        let fits = self.ir.kernel(i).is_some_and(|kernel| kernel.takes_epilogue())
            && cost::pays_as_epilogue(self.bytes(i))
            && self.kernels[group].is_none()
            && [user, group].iter().all(|&node| {
                self.ir.scalar_expr(node).is_some() && Some(self.ir.nodes[node].value.shape()) == shape
            });
        fits.then_some(group)
    }

    /// The bytes that a group reads besides what it reads anyway if it needs node `i`, or what that is computed from.
    fn more(&self, group: usize, i: usize, back: usize) -> usize {
        if self.reads[group].contains(&i) {
            return 0;
        }
        let bytes = self.bytes(i);
        let shape = self.ir.nodes[i].value.shape();
        if back == 0 || self.ir.scalar_expr(i).is_none() || !self.goes_through(group, shape) {
            return bytes;
        }
        let inputs = self.ir.nodes[i].inputs.iter();
        inputs.map(|&input| self.more(group, input, back - 1)).sum::<usize>().min(bytes)
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
    fn a_convolution_takes_a_prologue() {
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
    fn an_epilogue_is_applied_while_a_large_result_is_in_the_cache() {
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
            // The gradient takes the place of what it was rectified by; a definition writes over nothing.
            if tensor::simd_level() > tensor::SimdLevel::Reference
                && let [Some(before), Some(behind)] = both.map(|op| ops.iter().position(|&other| other == op))
            {
                assert_eq!(buffers[before], buffers[behind]);
            }
        }
    }
}
