//! The data set's files under the names that archives and other programs give them.

use super::{refused, run, text, tiny_data};
use std::fs;
use tempfile::tempdir;

#[test]
fn data_is_found_under_the_names_of_common_archives() {
    let data = tiny_data();
    let rename = |name: &dyn Fn(&str) -> String| {
        let folder = tempdir().unwrap();
        for entry in fs::read_dir(data.path()).unwrap() {
            let entry = entry.unwrap();
            let to = folder.path().join(name(entry.file_name().to_str().unwrap()));
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(entry.path(), to).unwrap();
        }
        folder
    };
    let dotted = |name: &str| name.replace("-idx", ".idx");
    let emnist = |split: &str, name: &str| format!("emnist-{split}-{}", name.replace("t10k", "test"));
    for folder in [
        rename(&dotted),
        rename(&|name| format!("{name}/{}", dotted(name))),
        rename(&str::to_uppercase),
        rename(&|name| emnist("mnist", name)),
    ] {
        let output = run("digits", &["--data", folder.path().to_str().unwrap()]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains("20 digits drawn"));
    }
    let folder = rename(&|name| emnist("letters", name));
    refused(
        "digits",
        &["--data", folder.path().to_str().unwrap()],
        &["EMNIST's letters", "digits and mnist"],
    );
}
