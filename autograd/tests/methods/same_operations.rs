//! A tensor and a variable have the same operations.

use crate::golden::public_methods;
use autograd::{Conv2d, DType, Graph, Rng, Tensor};
use std::path::Path;

/// What only tensors have, and why.
const ONLY_TENSORS: [(&str, &[&str]); 2] = [
    (
        "they make a tensor from nothing; a graph's input or constant takes it",
        &[
            "from_vec",
            "from_slice",
            "zeros",
            "ones",
            "eye",
            "arange",
            "linspace",
            "uniform",
            "normal",
            "truncated_normal",
            "permutation",
        ],
    ),
    (
        "memory: a variable's value is a tensor that has them",
        &[
            "as_slice",
            "as_mut_slice",
            "to_vec",
            "layout",
            "view",
            "contiguous",
            "copy",
            "fill",
            "assign",
            "buffer_id",
            "shares_buffer",
        ],
    ),
];

/// What only variables have, and why.
const ONLY_VARIABLES: [(&str, &[&str]); 2] = [
    ("they belong to a graph", &["graph", "index", "value", "apply", "backward", "backward_with"]),
    ("a tensor has no gradient to keep from flowing", &["detach"]),
];

/// One list of operations: what a variable has a tensor has, and the reverse.
#[test]
fn tensors_and_variables_have_the_same_operations() {
    let source = |folder: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let tensors = public_methods(&source("../tensor/src"), "Tensor");
    let mut variables = public_methods(&source("src"), "Var");
    // Random numbers are drawn by the graph, anew in each run.
    variables.insert("bernoulli".into());
    assert!(
        tensors.len() > 100 && variables.len() > 100,
        "the source was not read: {tensors:?} {variables:?}"
    );
    for (here, there, only, whose) in [
        (&tensors, &variables, &ONLY_TENSORS[..], "a tensor's"),
        (&variables, &tensors, &ONLY_VARIABLES[..], "a variable's"),
    ] {
        let listed: Vec<&str> = only.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let alone: Vec<&String> =
            here.iter().filter(|&name| !there.contains(name) && !listed.contains(&name.as_str())).collect();
        assert!(alone.is_empty(), "only {whose}: {alone:?}; give it to both, or list it with the reason");
        for name in listed {
            let alone = here.iter().any(|other| other == name) && !there.iter().any(|other| other == name);
            assert!(alone, "{name} is listed as only {whose}, and is not");
        }
    }
}

/// What is composed of others has the same value on both, to the bit.
#[test]
fn compositions_have_the_same_value() {
    let rng = &mut Rng::new(1);
    for dtype in [DType::F32, DType::F64] {
        let [x, t, image, kernel] = [vec![5, 3], vec![5, 3], vec![2, 3, 3, 4], vec![3, 3, 2, 4]]
            .map(|shape| Tensor::normal(&shape[..], 0.0, 1.0, dtype, rng));
        let (scale, conv) = (Tensor::normal([3], 0.0, 1.0, dtype, rng), Conv2d::default());
        let graph = Graph::inference();
        let [a, b, c] = [&x, &t, &scale].map(|x| graph.input(x.clone()));
        let transposed =
            graph.input(image.clone()).conv2d_transpose(graph.input(kernel.clone()), [2, 3, 3, 2], conv);
        let [affine, mean, variance] = x.batch_norm_affine(0.1, Some(&scale), None);
        let [of_affine, of_mean, of_variance] = a.batch_norm_affine(0.1, Some(c), None);
        for (name, tensor, variable) in [
            ("powf", x.abs().powf(1.5), a.abs().powf(1.5)),
            ("tan", x.tan(), a.tan()),
            ("leaky_relu", x.leaky_relu(0.1), a.leaky_relu(0.1)),
            ("elu", x.elu(1.5), a.elu(1.5)),
            ("batch_norm", x.batch_norm(0.1), a.batch_norm(0.1)),
            ("batch_norm_affine", affine, of_affine),
            ("its mean", mean, of_mean),
            ("its variance", variance, of_variance),
            (
                "binary_cross_entropy_with_logits",
                x.binary_cross_entropy_with_logits(&t),
                a.binary_cross_entropy_with_logits(b),
            ),
            ("conv2d_transpose", image.conv2d_transpose(&kernel, [2, 3, 3, 2], &conv), transposed),
        ] {
            assert_eq!(tensor, variable.value(), "{name} of {dtype}");
        }
    }
}
