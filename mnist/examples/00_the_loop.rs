//! The training loop in plain sight: the digits, a model, and the lines that make it learn, on `nn` and `optim` alone. The other examples
//! train by `mnist::train`, which repeats these lines and has people watch.
//!
//! ```text
//! cargo run -p mnist --example 00_the_loop
//! ```

use mnist::data::{Choice, DataError, Split, load};
use nn::{Graph, Init, Layer, Linear, Rng, Tensor, loss};
use optim::{Optimizer, Sgd};

/// Images as rows of 784 numbers from 0 to 1, and their digits.
fn tensors(split: &Split) -> (Tensor, Tensor) {
    let pixels: Vec<f32> = split.images.iter().map(|&pixel| f32::from(pixel) / 255.0).collect();
    let labels: Vec<i64> = split.labels.iter().map(|&digit| digit.into()).collect();
    (Tensor::from(pixels).reshape([split.len(), split.pixels()]), Tensor::from(labels))
}

fn main() -> Result<(), DataError> {
    let digits = load(&Choice::Auto, &mut |notice| eprintln!("{notice}"))?;
    println!("{}", digits.source);
    let ((images, labels), (test_images, test_labels)) = (tensors(&digits.train), tensors(&digits.test));

    let rng = &mut Rng::new(0);
    let mut model = Linear::new(784, 10, rng).init(Init::Zeros, Init::Zeros);
    let mut sgd = Sgd::new();
    let count = images.shape()[0];
    let mut order = Tensor::permutation(count, rng);

    for step in 0..2_000 {
        let first = step * 100 % count;
        if first == 0 {
            order = Tensor::permutation(count, rng); // an epoch: every image once, in an order of its own
        }
        let batch = order.slice(0, first..first + 100);

        let graph = Graph::training(0, step as u64); // records what is computed from here on
        let logits = model.forward(graph.input(images.index_select(0, &batch)));
        let loss = loss::softmax_cross_entropy(logits, graph.input(labels.index_select(0, &batch)));
        sgd.step(&mut model, &loss.backward(), 0.5);

        if step % 100 == 99 {
            let logits = model.forward(Graph::inference().input(test_images.clone())).value();
            let accuracy = loss::accuracy(&logits, &test_labels);
            println!("step {}: loss {:.3}, test accuracy {accuracy:.4}", step + 1, loss.item());
        }
    }
    Ok(())
}
