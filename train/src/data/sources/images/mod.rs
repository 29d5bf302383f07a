//! Pictures in files.
//!
//! | file | what is in it |
//! |---|---|
//! | `folder` | [`ImageFolder`]: pictures in a folder for each class, decoded as they are asked for |
//! | `decode` | [`image_from`]: the pixels of one |

mod decode;
mod folder;

pub use decode::{Channels, image_from};
pub use folder::ImageFolder;
