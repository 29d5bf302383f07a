//! The run in the terminal, and being asked to end by it.
//!
//! | file | what is in it |
//! |---|---|
//! | `console` | lines for what happens |
//! | `status_line` | a progress line that nothing printed can tear |
//! | `signals` | Ctrl-C and its like |

mod console;
mod signals;
mod status_line;

pub use console::Console;
pub use signals::{interrupted, stop_on_signals};
pub use status_line::StatusLine;
