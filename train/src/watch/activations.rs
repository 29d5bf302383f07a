//! What goes on inside of a model: its named intermediate values, read without an edit of the model.

use crate::run::mode::Mode;
use nn::{Graph, Layer, Program, Role, Tensor, Var};

/// Two kinds of values of a model, see [`Engine::activations`](crate::Engine::activations).
#[derive(Clone, Debug, PartialEq)]
pub struct Activations {
    /// What they are.
    pub titles: [&'static str; 2],
    /// All of them, in no order worth knowing.
    pub values: [Vec<f32>; 2],
}

/// Reads the values, from a program of their own that is compiled once for each size of batch.
#[derive(Default)]
pub(crate) struct ActivationReader {
    programs: Vec<Watched>,
}

/// A program whose outputs are the values of the first kind, then those of the second.
struct Watched {
    program: Program,
    titles: [&'static str; 2],
    /// How many outputs are of the first kind.
    first: usize,
}

impl ActivationReader {
    pub(crate) fn read(
        &mut self,
        mode: Mode,
        model: &impl Layer,
        [seed, step]: [u64; 2],
        images: &Tensor,
    ) -> Activations {
        let inputs = std::slice::from_ref(images);
        let known = self.programs.iter().position(|watched| watched.program.accepts(inputs));
        let at = known.unwrap_or(self.programs.len());
        if known.is_none() {
            let graph = Graph::training(seed, step);
            model.forward(graph.input(images.clone()));
            let Some(chosen) = choose(&graph) else { return parameters(model) };
            let titles = [chosen[0].0, chosen[1].0];
            let vars = chosen.map(|(_, vars)| vars);
            if mode == Mode::Eager {
                return Activations {
                    titles,
                    values: vars.map(|vars| joined(vars.iter().map(|x| x.value()))),
                };
            }
            let program = graph.compile(&vars.concat());
            self.programs.push(Watched { program, titles, first: vars[0].len() });
        }
        let Watched { program, titles, first } = &mut self.programs[at];
        match program.run(model, step, inputs) {
            Ok(outputs) => {
                let values = [&outputs[..*first], &outputs[*first..]];
                Activations { titles: *titles, values: values.map(|values| joined(values.iter().cloned())) }
            }
            Err(error) => panic!("the model changed its shape in training: {error}"),
        }
    }
}

/// The values of a model with batch normalisation that are worth a look. Layers before it give the logits, those after
/// it the activations. Of sigmoids all are shown, since they saturate at both ends; rectifiers are a question of whether
/// any image of the batch gets through, so there it is the largest of the batch, in convolutions at each place.
fn choose(graph: &Graph) -> Option<[(&'static str, Vec<Var<'_>>); 2]> {
    let parts = graph.module_outputs();
    let pairs = || parts.windows(2);
    let logits: Vec<Var<'_>> = pairs().filter(|p| p[1].kind == "BatchNorm").map(|p| p[0].output).collect();
    let after = || pairs().filter(|p| p[0].kind == "BatchNorm").map(|p| &p[1]);
    let activations = |rank: usize| after().filter(move |p| p.output.rank() == rank).map(|p| p.output);
    let maxima = |rank: usize| activations(rank).map(|x| x.max(0)).collect::<Vec<_>>();
    Some(if logits.is_empty() {
        return None;
    } else if activations(4).next().is_some() {
        [("batch-max convolution activations", maxima(4)), ("batch-max dense activations", maxima(2))]
    } else if after().all(|part| part.kind == "Relu") {
        [("logits", logits), ("batch-max activations", maxima(2))]
    } else {
        [("logits", logits), ("activations", activations(2).collect())]
    })
}

/// Weights and biases.
fn parameters(model: &impl Layer) -> Activations {
    let named = |end: &str| {
        let params = model.params().into_iter();
        joined(
            params
                .filter(|(name, param)| name.ends_with(end) && param.role() != Role::Buffer)
                .map(|(_, param)| param.value().clone()),
        )
    };
    Activations { titles: ["weights", "biases"], values: [named("weight"), named("bias")] }
}

fn joined(tensors: impl Iterator<Item = Tensor>) -> Vec<f32> {
    let mut all = vec![];
    for tensor in tensors {
        match tensor.as_slice::<f32>() {
            Some(values) => all.extend_from_slice(values),
            None => all.extend(tensor.to_vec::<f32>()),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits::models;
    use nn::Rng;

    #[test]
    fn what_is_shown_of_each_model() {
        let images = Tensor::zeros([3, 28, 28, 1], nn::DType::F32);
        let take = |mode, build: fn(&mut Rng) -> nn::Sequential| {
            let model = build(&mut Rng::new(1));
            let mut reader = ActivationReader::default();
            let first = reader.read(mode, &model, [1, 0], &images);
            assert_eq!(reader.read(mode, &model, [1, 0], &images), first, "a replay gives the same");
            first
        };
        let hidden = 200 + 100 + 60 + 30;
        let weights = 784 * 200 + 200 * 100 + 100 * 60 + 60 * 30 + 30 * 10;
        type Case = (fn(&mut Rng) -> nn::Sequential, [&'static str; 2], [usize; 2]);
        let cases: [Case; 4] = [
            (models::five_layers_sigmoid, ["weights", "biases"], [weights, hidden + 10]),
            (models::batchnorm_five_layers_sigmoid, ["logits", "activations"], [3 * hidden; 2]),
            (models::batchnorm_five_layers_relu, ["logits", "batch-max activations"], [3 * hidden, hidden]),
            (
                models::batchnorm_conv,
                ["batch-max convolution activations", "batch-max dense activations"],
                [28 * 28 * 24 + 14 * 14 * 48 + 7 * 7 * 64, 200],
            ),
        ];
        for (build, titles, counts) in cases {
            let activations = take(Mode::Compiled, build);
            assert_eq!((activations.titles, activations.values.each_ref().map(Vec::len)), (titles, counts));
            assert_eq!(take(Mode::Eager, build), activations);
        }
    }
}
