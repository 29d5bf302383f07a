//! What figures are made of, and writing them as SVG.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::fmt::Write;

/// Red, green, blue.
pub type Colour = [u8; 3];

/// Left, top, width and height.
pub type Place = [f64; 4];

/// Where a text is in relation to its point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Anchor {
    /// It begins there.
    Start,
    /// Its middle is there.
    Middle,
    /// It ends there.
    End,
}

/// A part of a figure, in pixels from the top left.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A line from point to point.
    Line {
        /// The points.
        points: Vec<(f64, f64)>,
        /// How thick it is.
        width: f64,
        /// Its colour.
        colour: Colour,
    },
    /// A filled polygon.
    Area {
        /// Its corners.
        points: Vec<(f64, f64)>,
        /// Its colour.
        colour: Colour,
        /// From 0 to 1.
        opacity: f64,
    },
    /// Text.
    Text {
        /// Where its base line is anchored.
        at: (f64, f64),
        /// What of it is there.
        anchor: Anchor,
        /// What it says.
        text: String,
        /// Of the letters.
        size: f64,
        /// Its colour.
        colour: Colour,
    },
    /// A picture.
    Picture {
        /// What it fills.
        within: Place,
        /// Pixels in a row.
        columns: usize,
        /// Row by row.
        pixels: Vec<Colour>,
    },
}

impl Shape {
    /// A text.
    pub fn text(at: (f64, f64), anchor: Anchor, text: impl Into<String>, size: f64, colour: Colour) -> Shape {
        Shape::Text { at, anchor, text: text.into(), size, colour }
    }
}

/// The figure as an SVG file.
pub(crate) fn svg(shapes: &[Shape], (width, height): (usize, usize)) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"system-ui, sans-serif\">\n"
    );
    for shape in shapes {
        // Writing to a string cannot fail.
        let _ = match shape {
            Shape::Line { points, width, colour } => writeln!(
                svg,
                "<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\" stroke-linejoin=\"round\" points=\"{}\"/>",
                hex(*colour),
                list(points)
            ),
            Shape::Area { points, colour, opacity } => writeln!(
                svg,
                "<polygon fill=\"{}\" fill-opacity=\"{opacity}\" points=\"{}\"/>",
                hex(*colour),
                list(points)
            ),
            Shape::Text { at: (x, y), anchor, text, size, colour } => {
                let anchor = ["start", "middle", "end"][*anchor as usize];
                let text = text.replace('&', "&amp;").replace('<', "&lt;");
                let colour = hex(*colour);
                writeln!(
                    svg,
                    "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\" fill=\"{colour}\">{text}</text>"
                )
            }
            Shape::Picture { within: [x, y, w, h], columns, pixels } => writeln!(
                svg,
                "<image x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" preserveAspectRatio=\"none\" \
                 href=\"data:image/png;base64,{}\"/>",
                BASE64_STANDARD.encode(png(pixels.as_flattened(), *columns))
            ),
        };
    }
    svg + "</svg>\n"
}

/// Pixels as a PNG file.
pub(crate) fn png(rgb: &[u8], width: usize) -> Vec<u8> {
    let mut file = vec![];
    let mut encoder = png::Encoder::new(&mut file, width as u32, (rgb.len() / 3 / width) as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(rgb));
    written.expect("a picture of this size can be written to memory");
    file
}

fn hex([red, green, blue]: Colour) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn list(points: &[(f64, f64)]) -> String {
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    points.join(" ")
}
