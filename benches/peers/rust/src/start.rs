//! What the peers start from: the digits and the initial models in the folder that `step --export` writes.
//!
//! Both peers want images as `[n, channels, height, width]`, so kernels and the first dense layer are reordered here.

use safetensors::SafeTensors;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Numbers in row-major order.
#[derive(Clone)]
pub struct Array {
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

impl Array {
    /// Reordered so that axis `i` is what axis `order[i]` was.
    fn permute<const N: usize>(&self, order: [usize; N]) -> Array {
        let mut strides = [1; N];
        for axis in (1..N).rev() {
            strides[axis - 1] = strides[axis] * self.shape[axis];
        }
        let shape = order.map(|axis| self.shape[axis]);
        let mut data = Vec::with_capacity(self.data.len());
        for mut i in 0..self.data.len() {
            let mut from = 0;
            for (size, axis) in shape.iter().zip(order).rev() {
                from += i % size * strides[axis];
                i /= size;
            }
            data.push(self.data[from]);
        }
        Array { shape: shape.to_vec(), data }
    }

    fn reshape(mut self, shape: &[usize]) -> Array {
        self.shape = shape.to_vec();
        self
    }
}

/// A convolution (kernel `[out, in, height, width]`) or a dense layer (matrix `[in, out]`).
pub struct Layer {
    pub weight: Array,
    pub stride: usize,
    /// Zeros before and after the image.
    pub padding: [usize; 2],
    /// The offset, where there is batch normalisation.
    pub bias: Array,
    pub scale: Option<Array>,
    /// Running averages, where there is batch normalisation.
    pub averages: Option<[Array; 2]>,
    flops: usize,
}

impl Layer {
    pub fn is_conv(&self) -> bool {
        self.weight.shape.len() == 4
    }
}

/// One of the nine models.
pub struct Model {
    pub layers: Vec<Layer>,
    pub images: Vec<f32>,
    pub labels: Vec<u8>,
    pub sigmoid: bool,
    /// What dropout keeps of the hidden dense layers' outputs.
    pub keep: f64,
    pub adam: bool,
    /// The learning rate: towards the second number, the distance shrinking by e every so many steps.
    rate: [f64; 3],
}

impl Model {
    pub const NAMES: [&str; 9] = [
        "softmax",
        "five_layers_sigmoid",
        "five_layers_relu_lrdecay",
        "five_layers_relu_lrdecay_dropout",
        "convolutional",
        "convolutional_bigger_dropout",
        "batchnorm_five_layers_sigmoid",
        "batchnorm_five_layers_relu",
        "batchnorm_conv",
    ];

    /// # Panics
    /// If the folder is not as `step --export` leaves it.
    pub fn load(folder: &Path, name: &str) -> Model {
        let bytes = std::fs::read(folder.join(format!("{name}.safetensors"))).expect("an exported model");
        let file = SafeTensors::deserialize(&bytes).expect("the safetensors format");
        let floats = |name: &str| -> Array {
            let tensor = file.tensor(name).expect("a tensor of the model");
            let numbers = tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
            Array { shape: tensor.shape().to_vec(), data: numbers.collect() }
        };
        let mut fields: BTreeMap<usize, HashMap<String, Array>> = BTreeMap::new();
        for full in file.names().into_iter().filter(|name| name.starts_with("model.") && !name.ends_with("steps")) {
            let mut path = full.split('.').skip(1);
            let index = path.next().and_then(|index| index.parse().ok()).expect("the number of a layer");
            fields.entry(index).or_default().insert(path.next().unwrap().to_owned(), floats(full));
        }
        let labels = file.tensor("labels").expect("labels").data().chunks_exact(8).map(|b| b[0]).collect();
        Model {
            layers: layers(fields.into_values()),
            images: floats("images").data,
            labels,
            sigmoid: name.ends_with("sigmoid"),
            keep: if name.ends_with("dropout") || name == "batchnorm_conv" { 0.75 } else { 1.0 },
            adam: name != "softmax",
            rate: match name {
                "softmax" => [0.005, 0.005, 1.0],
                "five_layers_sigmoid" => [0.003, 0.003, 1.0],
                "batchnorm_conv" => [0.02, 0.0001, 1600.0],
                _ if name.starts_with("batchnorm") => [0.03, 0.0001, 1000.0],
                _ => [0.003, 0.0001, 2000.0],
            },
        }
    }

    pub fn rate(&self, step: usize) -> f64 {
        let [most, least, decay] = self.rate;
        least + (most - least) * (-(step as f64) / decay).exp()
    }

    pub fn parameters(&self) -> usize {
        let count = |layer: &Layer| {
            let scale = layer.scale.as_ref().map_or(0, |scale| scale.data.len());
            layer.weight.data.len() + layer.bias.data.len() + scale
        };
        self.layers.iter().map(count).sum()
    }

    /// Of a training step: 2 a multiply-add, three passes for each layer, two for the first.
    pub fn flops(&self) -> usize {
        3 * self.layers.iter().map(|layer| layer.flops).sum::<usize>() - self.layers[0].flops
    }
}

fn layers(fields: impl Iterator<Item = HashMap<String, Array>>) -> Vec<Layer> {
    let mut layers: Vec<Layer> = vec![];
    let (mut size, mut channels) = (28, 1);
    for mut field in fields {
        let Some(weight) = field.remove("weight") else {
            // The batch normalisation of the layer before.
            let norm = layers.last_mut().expect("a layer before its normalisation");
            norm.bias = field.remove("offset").expect("an offset");
            norm.scale = field.remove("scale");
            norm.averages = Some(["mean", "variance"].map(|name| field.remove(name).expect("running averages")));
            continue;
        };
        let bias = field.remove("bias").unwrap_or(Array { shape: vec![0], data: vec![] });
        let (mut stride, mut padding, mut positions) = (1, [0; 2], 1);
        let reordered = if weight.shape.len() == 4 {
            stride = if layers.is_empty() { 1 } else { 2 };
            let out = usize::div_ceil(size, stride);
            let zeros = ((out - 1) * stride + weight.shape[0]).saturating_sub(size);
            padding = [zeros / 2, zeros - zeros / 2];
            (size, channels, positions) = (out, weight.shape[3], out * out);
            weight.permute([3, 2, 0, 1])
        } else if layers.last().is_some_and(Layer::is_conv) {
            let shape = weight.shape.clone();
            weight.reshape(&[size, size, channels, shape[1]]).permute([2, 0, 1, 3]).reshape(&shape)
        } else {
            weight
        };
        let flops = 2 * crate::BATCH * reordered.data.len() * positions;
        layers.push(Layer { weight: reordered, stride, padding, bias, scale: None, averages: None, flops });
    }
    layers
}

/// The digits, as numbers from 0 to 1, and the order in which they are trained on.
pub struct Data {
    pub train: (Vec<f32>, Vec<u8>),
    pub test: (Vec<f32>, Vec<u8>),
    order: Vec<usize>,
    next: usize,
    random: u64,
}

impl Data {
    /// # Panics
    /// If the folder is not as `step --export` leaves it.
    pub fn load(folder: &Path) -> Data {
        let read = |name: String, header: usize| {
            let mut bytes = std::fs::read(folder.join(name)).expect("the exported digits");
            bytes.drain(..header);
            bytes
        };
        let split = |name: &str| {
            let pixels = read(format!("{name}-images-idx3-ubyte"), 16);
            let images = pixels.into_iter().map(|pixel| f32::from(pixel) * (1.0 / 255.0)).collect();
            (images, read(format!("{name}-labels-idx1-ubyte"), 8))
        };
        let train = split("train");
        let order: Vec<usize> = (0..train.1.len()).collect();
        Data { train, test: split("t10k"), next: order.len(), order, random: 0x9e37_79b9_7f4a_7c15 }
    }

    /// The next batch.
    pub fn batch(&mut self) -> (Vec<f32>, Vec<u8>) {
        if self.next + crate::BATCH > self.order.len() {
            for i in (1..self.order.len()).rev() {
                // xorshift64
                self.random ^= self.random << 13;
                self.random ^= self.random >> 7;
                self.random ^= self.random << 17;
                self.order.swap(i, (self.random >> 16) as usize % (i + 1));
            }
            self.next = 0;
        }
        let picked = &self.order[self.next..][..crate::BATCH];
        self.next += crate::BATCH;
        let mut images = Vec::with_capacity(crate::BATCH * 784);
        picked.iter().for_each(|i| images.extend_from_slice(&self.train.0[i * 784..][..784]));
        (images, picked.iter().map(|&i| self.train.1[i]).collect())
    }
}
