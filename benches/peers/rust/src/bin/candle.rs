//! candle on the CPU.

use candle_core::{DType, Device, Result, Tensor, Var, D};
use candle_nn::{loss, ops, AdamW, BatchNorm, Conv2d, Conv2dConfig, Linear, Module, ModuleT, Optimizer, ParamsAdamW, SGD};
use peers::{Array, Model, Peer, EPS, LOSS_SCALE};

enum Weights {
    Conv { conv: Conv2d, padding: [usize; 2] },
    Dense(Linear),
}

struct Layer {
    weights: Weights,
    norm: Option<BatchNorm>,
}

enum Rule {
    Sgd(SGD),
    Adam(AdamW),
}

struct Candle {
    layers: Vec<Layer>,
    rule: Rule,
    sigmoid: bool,
    keep: f64,
}

impl Candle {
    fn forward(&self, x: &Tensor, training: bool, keep: f64) -> Result<Tensor> {
        let mut x = x.clone();
        if matches!(self.layers[0].weights, Weights::Conv { .. }) {
            x = x.reshape(((), 1, 28, 28))?;
        }
        for (i, layer) in self.layers.iter().enumerate() {
            let dense = match &layer.weights {
                Weights::Conv { conv, padding: [before, after] } => {
                    if before != after {
                        x = x.pad_with_zeros(2, *before, *after)?.pad_with_zeros(3, *before, *after)?;
                    }
                    x = conv.forward(&x)?;
                    false
                }
                Weights::Dense(linear) => {
                    x = linear.forward(&x.flatten_from(1)?)?;
                    true
                }
            };
            if i + 1 == self.layers.len() {
                break;
            }
            if let Some(norm) = &layer.norm {
                x = norm.forward_t(&x, training)?;
            }
            x = if self.sigmoid { ops::sigmoid(&x)? } else { x.relu()? };
            if dense && training && keep < 1.0 {
                x = ops::dropout(&x, (1.0 - keep) as f32)?;
            }
        }
        Ok(x)
    }

    fn scaled_loss(&self, images: Vec<f32>, labels: &[u8], keep: f64) -> Result<Tensor> {
        let x = Tensor::from_vec(images, (labels.len(), 784), &Device::Cpu)?;
        let labels: Vec<u32> = labels.iter().map(|&label| u32::from(label)).collect();
        let y = Tensor::new(labels, &Device::Cpu)?;
        loss::cross_entropy(&self.forward(&x, true, keep)?, &y)? * LOSS_SCALE
    }

    fn build(model: &Model) -> Result<Candle> {
        let tensor = |array: &Array| Tensor::from_slice(&array.data, array.shape.clone(), &Device::Cpu);
        let mut trained = vec![];
        let mut layers = vec![];
        for layer in &model.layers {
            let mut variable = |value: Tensor| -> Result<Tensor> {
                let var = Var::from_tensor(&value)?;
                trained.push(var.clone());
                Ok(var.as_tensor().clone())
            };
            let bias = variable(tensor(&layer.bias)?)?;
            let own_bias = layer.averages.is_none().then(|| bias.clone());
            let weights = if layer.is_conv() {
                let [before, after] = layer.padding;
                let padding = if before == after { before } else { 0 };
                let config = Conv2dConfig { stride: layer.stride, padding, ..Conv2dConfig::default() };
                let conv = Conv2d::new(variable(tensor(&layer.weight)?)?, own_bias, config);
                Weights::Conv { conv, padding: layer.padding }
            } else {
                Weights::Dense(Linear::new(variable(tensor(&layer.weight)?.t()?.contiguous()?)?, own_bias))
            };
            let mut norm = None;
            if let Some([mean, variance]) = &layer.averages {
                let n = mean.data.len();
                let scale = match &layer.scale {
                    Some(scale) => variable(tensor(scale)?)?,
                    None => Tensor::ones(n, DType::F32, &Device::Cpu)?, // candle has no offset without a scale
                };
                norm = Some(BatchNorm::new(n, tensor(mean)?, tensor(variance)?, scale, bias, EPS)?);
            }
            layers.push(Layer { weights, norm });
        }
        let rate = model.rate(0);
        let rule = if model.adam {
            let settings = ParamsAdamW { lr: rate, weight_decay: 0.0, ..ParamsAdamW::default() };
            Rule::Adam(AdamW::new(trained, settings)?)
        } else {
            Rule::Sgd(SGD::new(trained, rate)?)
        };
        Ok(Candle { layers, rule, sigmoid: model.sigmoid, keep: model.keep })
    }

    fn step(&mut self, images: Vec<f32>, labels: &[u8], rate: f64) -> Result<f32> {
        let loss = self.scaled_loss(images, labels, self.keep)?;
        match &mut self.rule {
            Rule::Sgd(rule) => {
                rule.set_learning_rate(rate);
                rule.backward_step(&loss)?;
            }
            Rule::Adam(rule) => {
                rule.set_learning_rate(rate);
                rule.backward_step(&loss)?;
            }
        }
        loss.to_scalar::<f32>()
    }

    fn count_right(&self, images: &[f32], labels: &[u8]) -> Result<usize> {
        let x = Tensor::from_slice(images, (labels.len(), 784), &Device::Cpu)?;
        let best = self.forward(&x, false, 1.0)?.argmax(D::Minus1)?.to_vec1::<u32>()?;
        Ok(best.iter().zip(labels).filter(|(a, b)| **a == u32::from(**b)).count())
    }
}

const WORKS: &str = "shapes and types fit";

impl Peer for Candle {
    const FRAMEWORK: &'static str = "candle";
    const VERSION: &'static str = "0.11.1";
    const VARIANT: &'static str = "cpu";

    fn new(model: &Model) -> Candle {
        Candle::build(model).expect(WORKS)
    }

    fn train(&mut self, images: Vec<f32>, labels: &[u8], rate: f64) {
        self.step(images, labels, rate).expect(WORKS);
    }

    fn right(&mut self, images: &[f32], labels: &[u8]) -> usize {
        self.count_right(images, labels).expect(WORKS)
    }

    fn loss(&mut self, images: Vec<f32>, labels: &[u8]) -> f64 {
        f64::from(self.scaled_loss(images, labels, 1.0).and_then(|loss| loss.to_scalar::<f32>()).expect(WORKS))
    }
}

fn main() {
    peers::main::<Candle>();
}
