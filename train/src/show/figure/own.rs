//! Panels of one's own that every run may use: text, a matrix, pictures.

use super::colours::{MUTED, PAPER, SMALL, TEXT, TRAIN, WRONG_MARK};
use crate::show::shape::{Anchor, Colour, Place, Shape};
use crate::watch::Content;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::io::Cursor;

/// Pixels of a picture, at most: a run's file may say anything.
const PIXELS: usize = 1 << 24;
/// Height of a line of text.
const LINE: f64 = 14.0;

/// Draws the content of one of the common kinds.
pub(super) fn draw(content: &Content, within: Place, shapes: &mut Vec<Shape>) {
    match content {
        Content::Text(text) => lines(text, within, shapes),
        Content::Matrix { names, counts } => matrix(names, counts, within, shapes),
        Content::Images { columns, captions, png } => {
            if let Some((width, pixels)) = decoded(png) {
                images(*columns, captions, width, pixels, within, shapes);
            }
        }
        Content::Own(_) => {}
    }
}

fn lines(text: &str, [x, y, w, h]: Place, shapes: &mut Vec<Shape>) {
    let (columns, rows) = ((w / 7.0) as usize, (h / LINE) as usize);
    let wrapped = text.lines().flat_map(|line| {
        let chars: Vec<char> = line.chars().collect();
        let parts = chars.chunks(columns.max(1)).map(|part| part.iter().collect::<String>());
        let parts: Vec<String> = parts.collect();
        if parts.is_empty() { vec![String::new()] } else { parts }
    });
    for (i, line) in wrapped.take(rows).enumerate() {
        shapes.push(Shape::text((x, y + LINE * (i + 1) as f64), Anchor::Start, line, 12.0, TEXT));
    }
}

/// A cell for each pair of classes, the darker the larger its share of the row; wrong answers are red.
fn matrix(names: &[String], counts: &[Vec<u64>], [x, y, w, h]: Place, shapes: &mut Vec<Shape>) {
    let (left, n) = (x + 50.0, counts.len().max(1) as f64);
    let (cw, ch) = ((w - 50.0) / n, (h - 20.0) / n);
    let square =
        |x: f64, y: f64| vec![(x, y), (x + cw - 1.0, y), (x + cw - 1.0, y + ch - 1.0), (x, y + ch - 1.0)];
    for (row, counts) in counts.iter().enumerate() {
        let of = counts.iter().map(|&count| count as f64).sum::<f64>().max(1.0);
        for (column, &count) in counts.iter().enumerate() {
            let (x, y) = (left + cw * column as f64, y + ch * row as f64);
            let colour = if row == column { TRAIN } else { WRONG_MARK };
            let share = count as f64 / of;
            shapes.push(Shape::Area { points: square(x, y), colour, opacity: 0.04 + 0.8 * share.sqrt() });
            if cw > 18.0 {
                let at = (x + cw / 2.0, y + ch / 2.0 + 4.0);
                shapes.push(Shape::text(at, Anchor::Middle, count.to_string(), SMALL, TEXT));
            }
        }
    }
    for (i, name) in names.iter().enumerate() {
        let short: String = name.chars().take(7).collect();
        let (across, down) = (left + cw * (i as f64 + 0.5), y + ch * (i as f64 + 0.5) + 4.0);
        shapes.push(Shape::text((left - 6.0, down), Anchor::End, short.clone(), SMALL, MUTED));
        shapes.push(Shape::text((across, y + h - 6.0), Anchor::Middle, short, SMALL, MUTED));
    }
}

/// Width and pixels of a PNG file in base 64.
fn decoded(png: &str) -> Option<(usize, Vec<Colour>)> {
    let mut decoder = png::Decoder::new(Cursor::new(BASE64_STANDARD.decode(png).ok()?));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().ok()?;
    let size = reader.output_buffer_size().filter(|&size| size <= 4 * PIXELS)?;
    let mut bytes = vec![0; size];
    let info = reader.next_frame(&mut bytes).ok()?;
    let samples = info.color_type.samples();
    let colour = |pixel: &[u8]| match pixel {
        [red, green, blue, ..] => [*red, *green, *blue],
        [grey, ..] => [*grey; 3],
        [] => PAPER,
    };
    let pixels = bytes[..info.buffer_size()].chunks_exact(samples).map(colour).collect();
    Some((info.width as usize, pixels))
}

fn images(
    columns: usize,
    captions: &[String],
    width: usize,
    pixels: Vec<Colour>,
    [x, y, w, h]: Place,
    shapes: &mut Vec<Shape>,
) {
    let height = pixels.len() / width.max(1);
    let scale = (w / width as f64).min(h / height as f64);
    let (w, h) = (width as f64 * scale, height as f64 * scale);
    shapes.push(Shape::Picture { within: [x, y, w, h], columns: width, pixels });
    let rows = captions.len().div_ceil(columns.max(1)).max(1);
    let (cw, ch) = (w / columns.max(1) as f64, h / rows as f64);
    for (i, caption) in captions.iter().enumerate() {
        let at = (x + cw * (i % columns.max(1)) as f64 + 2.0, y + ch * (i / columns.max(1) + 1) as f64 - 2.0);
        shapes.push(Shape::text(at, Anchor::Start, caption, 9.0, WRONG_MARK));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::shape::png;

    #[test]
    fn every_common_kind_is_drawn() {
        let place = [10.0, 20.0, 380.0, 312.0];
        let drawn = |content: Content| {
            let mut shapes = vec![];
            draw(&content, place, &mut shapes);
            shapes
        };
        let text = drawn(Content::Text(format!("one\n\n{}", "x".repeat(60))));
        assert_eq!(text.len(), 4, "a line that is too long is cut in two");
        let names = vec!["cat".to_owned(), "dog".to_owned()];
        let matrix = drawn(Content::Matrix { names, counts: vec![vec![9, 1], vec![0, 10]] });
        let texts = matrix
            .iter()
            .filter_map(|shape| if let Shape::Text { text, .. } = shape { Some(&**text) } else { None });
        assert_eq!(texts.collect::<Vec<_>>(), ["9", "1", "0", "10", "cat", "cat", "dog", "dog"]);
        let file = png([[1_u8, 2, 3], [4, 5, 6]].as_flattened(), 2);
        let captions = vec!["a".to_owned(), "b".to_owned()];
        let images = drawn(Content::Images { columns: 2, captions, png: BASE64_STANDARD.encode(file) });
        let Shape::Picture { columns: 2, pixels, within } = &images[0] else { panic!("{images:?}") };
        assert_eq!((&pixels[..], within[2]), (&[[1, 2, 3], [4, 5, 6]][..], 380.0));
        assert_eq!(images.len(), 3);
        for foreign in ["", "AAAA", "no base 64"] {
            let (columns, captions, png) = (0, vec!["a".to_owned()], foreign.to_owned());
            assert!(drawn(Content::Images { columns, captions, png }).is_empty());
        }
    }
}
