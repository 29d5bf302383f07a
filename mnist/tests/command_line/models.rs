//! Saved models that are ambiguous, another's, or not whole: said by every program that loads one.

use super::{refused, run, text, tiny_data};
use mnist::models;
use nn::{Metadata, Module, Rng, Sequential, Tensor};
use std::path::Path;
use tempfile::tempdir;

fn save(model: &Sequential, example: Option<&str>, file: &Path) -> String {
    let notes = example.map(|example| ("example".to_owned(), example.to_owned()));
    nn::save(model, file, &notes.into_iter().collect::<Metadata>()).unwrap();
    file.to_str().unwrap().to_owned()
}

/// The same with one value that is no number.
fn broken(mut model: Sequential) -> Sequential {
    let (name, param) = model.params_mut().into_iter().nth(1).unwrap();
    assert_eq!(name, "1.bias");
    let mut values = param.value().to_vec::<f32>();
    values[3] = f32::NAN;
    let shape = param.value().shape();
    param.set(Tensor::from_vec(values, shape).unwrap());
    model
}

#[test]
fn recognize_says_what_is_ambiguous_foreign_or_broken() {
    let out = tempdir().unwrap();
    let picture = out.path().join("digits.png");
    let picture = picture.to_str().unwrap();
    assert!(run("digits", &["--count", "1", "--out", picture]).status.success());
    let file = out.path().join("model.safetensors");
    let sigmoid = models::five_layers_sigmoid(&mut Rng::new(1));
    let twins = ["five_layers_sigmoid", "five_layers_relu_lrdecay"];

    let model = &save(&sigmoid, None, &file);
    refused("recognize", &[model, picture], &[model, twins[0], twins[1], "--model"]);
    let read_as = |name: &str| {
        let output = run("recognize", &[model, picture, "--model", name]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert_ne!(read_as(twins[0]), read_as(twins[1]), "they compute something else from the same weights");
    refused("recognize", &[model, picture, "--model", "softmax"], &[model, "[784, 200]"]);
    refused("recognize", &[model, picture, "--model", "sofmax"], &["sofmax", "softmax"]);

    save(&sigmoid, Some(twins[0]), &file);
    assert!(run("recognize", &[model, picture]).status.success());
    refused("recognize", &[model, picture, "--model", twins[1]], &[model, twins[0], twins[1]]);

    save(&broken(sigmoid), Some(twins[0]), &file);
    refused("recognize", &[model, picture], &[model, "1.bias", "NaN", "diverged"]);
}

#[test]
fn load_refuses_the_weights_of_another_model_and_those_that_are_no_numbers() {
    let (data, out) = (tiny_data(), tempdir().unwrap());
    let file = out.path().join("model.safetensors");
    let sigmoid = models::five_layers_sigmoid(&mut Rng::new(1));
    let model = &save(&sigmoid, Some("five_layers_sigmoid"), &file);
    let flags = ["--data", data.path().to_str().unwrap(), "--batch", "20", "--steps", "1", "--load", model];
    let both = [&**model, "five_layers_sigmoid", "five_layers_relu_lrdecay"];
    refused("five_layers_relu_lrdecay", &flags, &both);
    assert!(run("five_layers_sigmoid", &flags).status.success());
    // Whose metadata are lost are the example's that they are given to, which is said.
    save(&sigmoid, None, &file);
    let output = run("five_layers_relu_lrdecay", &flags);
    assert!(text(&output.stdout).contains("does not say what model it is of"), "{}", text(&output.stderr));
    save(&broken(sigmoid), Some("five_layers_sigmoid"), &file);
    refused("five_layers_sigmoid", &flags, &[model, "1.bias", "NaN"]);
}

/// Weights so large that the loss is no number.
#[test]
fn a_run_that_diverges_says_where_and_its_folder_is_read() {
    let (data, out) = (tiny_data(), tempdir().unwrap());
    let mut model = models::five_layers_relu(&mut Rng::new(1));
    for (_, param) in model.params_mut() {
        let huge = param.value() * 1e30;
        param.set(huge);
    }
    let file = save(&model, Some("five_layers_relu_lrdecay"), &out.path().join("huge.safetensors"));
    let folder = out.path().join("run").display().to_string();
    let data = data.path().to_str().unwrap();
    let flags = ["--data", data, "--batch", "20", "--steps", "9", "--load", &file, "--out", &folder];
    let named = ["training failed", "after 0 steps", "made an infinity", "MatMul", "Linear"];
    refused("five_layers_relu_lrdecay", &flags, &named);
    let results = std::fs::read_to_string(out.path().join("run/results.json")).unwrap();
    assert!(results.contains("\"diverged\"") && results.contains("MatMul"), "{results}");
    let output = run("compare", &[&folder, "--out", &format!("{folder}/compare.svg")]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    // From its beginning it takes the same way again.
    refused("five_layers_relu_lrdecay", &["--resume", &folder], &named);
}
