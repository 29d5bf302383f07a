//! A small GPT (Radford et al., *Language models are unsupervised multitask learners*, 2019).

use crate::levels::at_every_level;
use crate::{Model, train};
use nn::{DType, Init, Layer, Linear, Module, Param, Rng, Tensor, Var, loss};

const BATCH: usize = 16;
const CONTEXT: usize = 16;
const WIDTH: usize = 64;
const HEADS: usize = 4;
const TOKENS: usize = 30;

/// Layer normalisation: `(x − mean) / √(variance + ε) · scale + offset` over the last axis.
#[derive(Module)]
struct LayerNorm {
    scale: Param,
    offset: Param,
}

impl LayerNorm {
    fn new() -> LayerNorm {
        let [scale, offset] = [Tensor::ones([WIDTH], DType::F32), Tensor::zeros([WIDTH], DType::F32)];
        LayerNorm { scale: Param::new(scale), offset: Param::new(offset) }
    }
}

impl Layer for LayerNorm {
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        let graph = x.graph();
        let centred = x - x.mean_keepdim(-1);
        let deviation = (centred.square().mean_keepdim(-1) + 1e-5).sqrt();
        centred / deviation * graph.param(&self.scale) + graph.param(&self.offset)
    }
}

/// Attention of each token to those before it and to itself.
#[derive(Module)]
struct Attention {
    all: Linear,
    output: Linear,
}

impl Layer for Attention {
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        let size = WIDTH / HEADS;
        let heads = self.all.forward(x).reshape([BATCH, CONTEXT, 3, HEADS, size]).permute([2, 0, 3, 1, 4]);
        let [query, key, value] = [0, 1, 2].map(|i| heads.narrow(0, i, 1).squeeze(0));
        let later = |i: usize| if i % CONTEXT > i / CONTEXT { -1e9 } else { 0.0 };
        let mask: Vec<f32> = (0..CONTEXT * CONTEXT).map(later).collect();
        let mask = Tensor::from_vec(mask, [CONTEXT, CONTEXT]).unwrap().to(x.dtype());
        let scores = query.matmul(key.transpose(-1, -2)) / (size as f64).sqrt();
        let weights = (scores + x.graph().constant(mask)).softmax(-1);
        let mixed = weights.matmul(value).permute([0, 2, 1, 3]).reshape([BATCH * CONTEXT, WIDTH]);
        self.output.forward(mixed)
    }
}

#[derive(Module)]
struct Block {
    before: LayerNorm,
    attention: Attention,
    between: LayerNorm,
    wide: Linear,
    narrow: Linear,
}

impl Block {
    fn new(rng: &mut Rng) -> Block {
        let mut linear = |inputs, outputs| Linear::new(inputs, outputs, rng);
        Block {
            before: LayerNorm::new(),
            attention: Attention { all: linear(WIDTH, 3 * WIDTH), output: linear(WIDTH, WIDTH) },
            between: LayerNorm::new(),
            wide: linear(WIDTH, 4 * WIDTH),
            narrow: linear(4 * WIDTH, WIDTH),
        }
    }
}

impl Layer for Block {
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        let x = x + self.attention.forward(self.before.forward(x));
        x + self.narrow.forward(self.wide.forward(self.between.forward(x)).gelu())
    }
}

#[derive(Module)]
struct Gpt {
    tokens: Param,
    places: Param,
    blocks: Vec<Block>,
    last: LayerNorm,
    head: Linear,
}

impl Model for Gpt {
    fn new(rng: &mut Rng) -> Gpt {
        let mut table = |rows: usize| {
            Param::new(Init::Normal { mean: 0.0, std: 0.1 }.sample([rows, WIDTH], DType::F32, rng))
        };
        let (tokens, places) = (table(TOKENS), table(CONTEXT));
        let blocks = [(); 2].map(|()| Block::new(rng)).into();
        Gpt { tokens, places, blocks, last: LayerNorm::new(), head: Linear::new(WIDTH, TOKENS, rng) }
    }

    /// Of the tokens of all texts one after the other, and of those that follow them.
    fn loss<'g>(&self, tokens: Var<'g>, next: Var<'g>) -> Var<'g> {
        let graph = tokens.graph();
        let x = graph.param(&self.tokens).index_select(0, tokens).reshape([BATCH, CONTEXT, WIDTH]);
        let x = (x + graph.param(&self.places)).reshape([BATCH * CONTEXT, WIDTH]);
        loss::softmax_cross_entropy(self.head.forward(self.last.forward(self.blocks.forward(x))), next)
    }
}

#[test]
fn learns_with_the_gradients_of_f64() {
    // A step of three or of five, from anywhere on.
    let token = |at: usize| {
        let (text, place) = (at / (CONTEXT + 1), at % (CONTEXT + 1));
        ((7 * text + [3, 5][text % 2] * place) % TOKENS) as i64
    };
    let text = |first: usize| {
        let places = (0..BATCH).flat_map(|text| (0..CONTEXT).map(move |place| text * (CONTEXT + 1) + place));
        let tokens: Vec<i64> = places.map(|at| token(at + first)).collect();
        Tensor::from_vec(tokens, [BATCH * CONTEXT]).unwrap()
    };
    train::<Gpt>([text(0), text(1)], 6, 0.1, 1e-4, 0.95);
}

#[test]
fn learns_at_every_level() {
    at_every_level("gpt::learns_with_the_gradients_of_f64");
}
