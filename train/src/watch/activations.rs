//! What goes on inside of a model: its named intermediate values, read without an edit of the model.

use super::event::Histograms;
use super::percentiles::percentile_edges;
use nn::{Graph, Module, Program, Role, Tensor, Var};

/// Two kinds of values of a model, see [`ActivationReader::read`].
#[derive(Clone, Debug, PartialEq)]
pub struct Activations {
    /// What they are.
    pub titles: [&'static str; 2],
    /// All of them, in no order worth knowing.
    pub values: [Vec<f32>; 2],
}

impl Activations {
    /// Their distributions at a step; `None` where there are no values, or some are not finite.
    pub fn histograms(self, step: u64) -> Option<Histograms> {
        let Activations { titles, values: [mut first, mut second] } = self;
        // A model may have no biases.
        let edges = |values: &mut [f32]| match values.is_empty() {
            true => Some([0.0; 8]),
            false => percentile_edges(values),
        };
        let edges = [edges(&mut first)?, edges(&mut second)?];
        Some(Histograms { step, titles: titles.map(str::to_owned), edges })
    }
}

/// Reads the values that tell how a model is doing: weights and biases, or, in a model with batch normalisation, what goes into it and
/// what the activations after it give.
///
/// ```
/// use nn::{DType, Layer, Linear, Rng, Tensor};
/// use train::watch::ActivationReader;
///
/// let line = Linear::new(3, 2, &mut Rng::new(1));
/// let x = [Tensor::zeros([5, 3], DType::F32)];
/// let values = ActivationReader::default().read(false, &line, [0, 0], &x, &|graph| {
///     line.forward(graph.input(x[0].clone()));
/// });
/// assert_eq!((values.titles, values.values[0].len()), (["weights", "biases"], 6));
/// ```
#[derive(Default)]
pub struct ActivationReader {
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
    /// The values as the training step `step` of a run with this seed finds them. `record` runs the model forward on `inputs`, which are
    /// the graph's first; it is compiled once for each shape of inputs, unless steps are `eager`.
    ///
    /// # Panics
    /// If the model changes its shape from one call to the next.
    pub fn read(
        &mut self,
        eager: bool,
        model: &dyn Module,
        [seed, step]: [u64; 2],
        inputs: &[Tensor],
        record: &dyn Fn(&Graph),
    ) -> Activations {
        let known = self.programs.iter().position(|watched| watched.program.accepts(inputs));
        let at = known.unwrap_or(self.programs.len());
        if known.is_none() {
            let graph = Graph::training(seed, step);
            record(&graph);
            let Some(chosen) = choose(&graph) else { return parameters(model) };
            let titles = [chosen[0].0, chosen[1].0];
            let vars = chosen.map(|(_, vars)| vars);
            if eager {
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

/// Biases, and all else that is trained.
fn parameters(model: &dyn Module) -> Activations {
    let named = |biases: bool| {
        let params = model.params().into_iter();
        joined(
            params
                .filter(|(name, param)| name.ends_with("bias") == biases && param.role() != Role::Buffer)
                .map(|(_, param)| param.value().clone()),
        )
    };
    Activations { titles: ["weights", "biases"], values: [named(false), named(true)] }
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
