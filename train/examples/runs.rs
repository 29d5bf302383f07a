//! Looks at runs that are over: one in the page again, or several over each other.
//!
//! ```text
//! cargo run -p train --features page,terminal --example runs -- runs/houses
//! cargo run -p train --features page,terminal --example runs -- runs/houses runs/other
//! ```

use std::error::Error;
use std::path::PathBuf;
use train::show::{compare, replay};
use train::terminal::stop_on_signals;

fn main() -> Result<(), Box<dyn Error>> {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if let [folder] = &folders[..] {
        let opened = |address| println!("the run is at http://{address} until Ctrl-C");
        return Ok(replay(folder, vec![], 7840, &stop_on_signals(), opened)?);
    }
    let (figure, lines) = compare(&folders)?;
    std::fs::write("compare.svg", figure)?;
    println!("{}\ndrawn to compare.svg", lines.join("\n"));
    Ok(())
}
