//! Files that are right, of every kind.

use super::readers::{MARK, gz, linear};
use super::server;
use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use nn::{DType, Graph, Layer, Linear, Metadata, Rng, Tensor, loss};
use optim::{Adam, Optimizer};
use std::fs;
use std::io::Cursor;
use std::path::Path;
use tempfile::tempdir;
use train::watch::{Content, files};
use train::{Batches, Checkpoint, Loader, TensorDataset, Trainer};

type Files = Vec<Vec<u8>>;

fn idx_file(kind: u8, dims: &[u32], bytes: usize) -> Vec<u8> {
    let mut file = vec![0, 0, kind, dims.len() as u8];
    dims.iter().for_each(|dim| file.extend(dim.to_be_bytes()));
    file.extend((0..bytes).map(|i| (i % 10) as u8));
    file
}

pub(crate) fn idx() -> Files {
    let plain = vec![
        idx_file(8, &[2, 3, 4], 24),
        idx_file(8, &[30], 30),
        idx_file(9, &[], 1),
        idx_file(0x0b, &[2, 2], 8),
        idx_file(0x0c, &[3], 12),
        idx_file(0x0d, &[1, 2, 1], 8),
        idx_file(0x0e, &[2], 16),
    ];
    let packed: Files = plain.iter().map(|file| gz(file)).collect();
    [plain, packed].concat()
}

pub(crate) fn plain_idx() -> Files {
    idx()[..7].to_vec()
}

pub(crate) fn digits() -> Files {
    let [images, labels] = [idx_file(8, &[2, 28, 28], 2 * 784), idx_file(8, &[2], 2)];
    vec![[&images, MARK, &labels].concat(), [gz(&images).as_slice(), MARK, &gz(&labels)].concat()]
}

/// What `write` has written.
fn written(write: impl FnOnce(&Path)) -> Vec<u8> {
    let folder = tempdir().unwrap();
    let file = folder.path().join("file");
    write(&file);
    fs::read(file).unwrap()
}

fn tensors() -> [Tensor; 4] {
    [
        Tensor::from([[1.5_f32, -2.0], [0.0, 3.25]]),
        Tensor::from([0.1_f64, 7.0, -1.0]),
        Tensor::from([1_i64, -2, 3]),
        Tensor::from([true, false]),
    ]
}

pub(crate) fn npy() -> Files {
    let mut all: Files =
        tensors().iter().map(|x| written(|file| train::write_npy(file, x).unwrap())).collect();
    for (descr, fortran, bytes) in [("|u1", "True", 24), (">i2", "True", 48), ("<f2", "False", 48)] {
        let text = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': (2, 3, 4), }}\n");
        let len = (text.len() as u16).to_le_bytes();
        all.push([b"\x93NUMPY\x01\x00", len.as_slice(), text.as_bytes(), &vec![7; bytes]].concat());
    }
    all
}

pub(crate) fn npz() -> Files {
    let [x, y, z, _] = tensors();
    let own = written(|file| train::write_npz(file, [("x", &x), ("y", &y), ("z", &z)]).unwrap());
    // By NumPy, compressed.
    vec![own, include_bytes!("../../../../train/tests/fixtures/numpy.npz").to_vec()]
}

pub(crate) fn csv() -> Files {
    [
        "rooms,area,town\n3,75.5,Ulm\n5,120,Jena\n2,1e2,Ulm\n",
        "town, area ,\"rooms\"\r\n\"a, \"\"b\"\"\",1,2\r\n\"c\nd\",-3.5,4\r\n",
        "area,rooms,town\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(vec![]);
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub(crate) fn png() -> Files {
    let mixed = |x: u32, y: u32| (x * 37 + y * 101) as u8;
    vec![
        encoded(GrayImage::from_fn(9, 7, |x, y| Luma([mixed(x, y)])), ImageFormat::Png),
        encoded(RgbImage::from_fn(5, 6, |x, y| Rgb([mixed(x, y), 3, 200])), ImageFormat::Png),
        encoded(RgbaImage::from_fn(4, 4, |x, y| Rgba([1, mixed(x, y), 3, 4])), ImageFormat::Png),
        encoded(
            DynamicImage::ImageLuma16(image::ImageBuffer::from_pixel(3, 3, Luma([777]))),
            ImageFormat::Png,
        ),
    ]
}

pub(crate) fn images() -> Files {
    let mut all = png();
    all.push(encoded(RgbImage::from_fn(19, 17, |x, y| Rgb([x as u8 * 9, y as u8, 7])), ImageFormat::Jpeg));
    all.push(encoded(GrayImage::from_fn(16, 16, |x, y| Luma([(x * y) as u8])), ImageFormat::Jpeg));
    all
}

pub(crate) fn digit_png() -> Files {
    let digit = GrayImage::from_fn(20, 24, |x, y| Luma([if x == 10 && y > 3 && y < 20 { 0 } else { 255 }]));
    let [grey, colour] = [DynamicImage::from(digit.clone()), DynamicImage::from(digit).to_rgb8().into()];
    vec![encoded(grey, ImageFormat::Png), encoded(colour, ImageFormat::Png)]
}

pub(crate) fn safetensors() -> Files {
    let named = |tensors: &[Tensor]| {
        tensors.iter().enumerate().map(|(i, x)| (format!("layer{i}.weight"), x.clone())).collect()
    };
    let notes = Metadata::from([("step".to_owned(), "7".to_owned())]);
    [&tensors()[..], &tensors()[..1], &[]]
        .map(|some| written(|file| nn::save_tensors(named(some), file, &notes).unwrap()))
        .to_vec()
}

pub(crate) fn checkpoints() -> Files {
    let (mut model, mut adam) = (linear(), Adam::new());
    let at = |step, model: &Linear, adam: &Adam| {
        let checkpoint = Checkpoint::new(step, model, adam, &step).unwrap();
        written(|file| checkpoint.write(file).unwrap())
    };
    let first = at(0, &model, &adam);
    let graph = Graph::training(1, 0);
    let grads = model.forward(graph.constant(Tensor::from([[1.0_f32, 2.0, 3.0]]))).sum(..).backward();
    adam.step(&mut model, &grads, 0.1);
    vec![first, at(1, &model, &adam)]
}

/// Of a training of four steps, with panels of two kinds.
pub(crate) fn runs() -> Files {
    let folder = tempdir().unwrap();
    let path = folder.path().join("run");
    let x = Tensor::uniform([8, 3], -1.0, 1.0, DType::F32, &mut Rng::new(1));
    let data = TensorDataset::new([x.clone(), x.narrow(1, 0, 2)]).unwrap();
    let mut trainer =
        Trainer::new(linear(), Adam::new(), |model: &Linear, [x, y]| [loss::mse(model.forward(x), y)])
            .evaluate("test", data.clone(), 2)
            .smallest("test_loss")
            .record_every(1)
            .panel("words", |_| Content::Text("some".to_owned()))
            .pictures(false)
            .folder(&path);
    trainer.fit(&mut Loader::new(data, Batches::new(8, 4, 1).unwrap()), 4).unwrap();
    let names = [files::CONFIG, files::METRICS, files::PANELS, files::RESULTS];
    let [config, metrics, panels, results] = names.map(|name| fs::read(path.join(name)).unwrap());
    let old = br#"{"name":"softmax","options":{"batch":100,"seed":0},"steps":9,"test_every":5,"record_every":1,
        "source":"","data_sha256":"","images":[1,1],"parameters":1,"optimizer":"","schedule":"","threads":1,"simd":"",
        "version":"","rustc":""}"#;
    // The drawing of the model is long.
    let panels: Vec<u8> = panels
        .split_inclusive(|byte| *byte == b'\n')
        .filter(|line| line.len() < 2000)
        .flatten()
        .copied()
        .collect();
    vec![
        [config.as_slice(), MARK, &metrics, MARK, &panels, MARK, &results].concat(),
        [old.as_slice(), MARK, &metrics, MARK, MARK, &results].concat(),
        [config.as_slice(), MARK, &metrics, MARK, &panels, MARK, &results[..9]].concat(),
    ]
}

pub(crate) fn requests() -> Files {
    let token = format!("Host: localhost\r\nX-Page-Token: {}\r\nConnection: close\r\n", server::token());
    [
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".to_owned(),
        "GET /some/thing HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nConnection: close\r\n\r\n".to_owned(),
        format!("POST /pause HTTP/1.1\r\n{token}Content-Length: 0\r\n\r\n"),
        format!("POST /echo HTTP/1.1\r\n{token}Content-Length: 5\r\n\r\nhello"),
        format!("POST /echo HTTP/1.1\r\n{token}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ]
    .map(String::into_bytes)
    .to_vec()
}
