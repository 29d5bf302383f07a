//! From any picture of a digit to 28×28 pixels in the way of MNIST.

/// Side of MNIST's images, and of the square that the digit itself fits in.
const SIDE: usize = 28;
const INNER: usize = 20;
/// Grey values that are no ink but noise.
const NOISE: u8 = 40;

/// The digit in a picture of `width * height` grey values, dark on light or light on dark, prepared as MNIST's were: its
/// ink cut out, scaled to fit 20×20 pixels, and placed with its centre of mass in the middle of 28×28. `None` if there
/// is no ink.
///
/// # Panics
/// If there are not `width * height` values.
#[track_caller]
pub(crate) fn digit(width: usize, height: usize, grey: &[u8]) -> Option<Vec<u8>> {
    assert!(grey.len() == width * height, "digit: {} values are not {width} x {height}", grey.len());
    let ink = ink(width, height, grey)?;
    let (xs, ys) = bounds(width, height, &ink)?;
    let (w, h) = (xs.end - xs.start, ys.end - ys.start);
    let scale = w.max(h) as f64 / INNER as f64;
    let across = |n: usize| ((n as f64 / scale).round() as usize).clamp(1, INNER);
    let (columns, rows) = (across(w), across(h));
    let mut small = vec![0.0; columns * rows];
    for (i, value) in small.iter_mut().enumerate() {
        let (x, y) = ((i % columns) as f64, (i / columns) as f64);
        let part = |at: f64, count: usize, range: &std::ops::Range<usize>| {
            let step = range.len() as f64 / count as f64;
            (range.start as f64 + at * step, range.start as f64 + (at + 1.0) * step)
        };
        *value = mean(&ink, width, part(x, columns, &xs), part(y, rows, &ys));
    }
    let mass: f64 = small.iter().sum();
    let centre = |coordinate: &dyn Fn(usize) -> usize| {
        let moment: f64 = small.iter().enumerate().map(|(i, v)| v * (coordinate(i) as f64 + 0.5)).sum();
        moment / mass
    };
    let place = |centre: f64, count: usize| {
        (SIDE as f64 / 2.0 - centre).round().clamp(0.0, (SIDE - count) as f64) as usize
    };
    let (left, top) = (place(centre(&|i| i % columns), columns), place(centre(&|i| i / columns), rows));
    let mut image = vec![0; SIDE * SIDE];
    for (i, value) in small.iter().enumerate() {
        image[(top + i / columns) * SIDE + left + i % columns] = value.round() as u8;
    }
    Some(image)
}

/// Ink as bright values from 0 to 255: what differs from the border, which is paper, stretched to full contrast.
fn ink(width: usize, height: usize, grey: &[u8]) -> Option<Vec<u8>> {
    let border = |i: &usize| {
        let (x, y) = (i % width, i / width);
        x == 0 || y == 0 || x == width - 1 || y == height - 1
    };
    let mut edge: Vec<u8> = (0..grey.len()).filter(border).map(|i| grey[i]).collect();
    if edge.is_empty() {
        return None;
    }
    let middle = edge.len() / 2;
    let paper = *edge.select_nth_unstable(middle).1;
    let (darkest, brightest) = (*grey.iter().min()?, *grey.iter().max()?);
    let dark_ink = paper - darkest > brightest - paper;
    let most = if dark_ink { paper - darkest } else { brightest - paper };
    if most < NOISE {
        return None;
    }
    let stretched = |value: u8| {
        let ink = if dark_ink { paper.saturating_sub(value) } else { value.saturating_sub(paper) };
        (u32::from(ink) * 255 / u32::from(most)) as u8
    };
    Some(grey.iter().map(|&value| stretched(value)).map(|v| if v < NOISE { 0 } else { v }).collect())
}

/// Columns and rows that have ink.
fn bounds(
    width: usize,
    height: usize,
    ink: &[u8],
) -> Option<(std::ops::Range<usize>, std::ops::Range<usize>)> {
    let column = |&x: &usize| (0..height).any(|y| ink[y * width + x] > 0);
    let row = |&y: &usize| ink[y * width..][..width].iter().any(|&v| v > 0);
    let xs = (0..width).find(column)?..(0..width).rfind(column)? + 1;
    let ys = (0..height).find(row)?..(0..height).rfind(row)? + 1;
    Some((xs, ys))
}

/// The mean of the values in a rectangle; pixels that are cut count by their part.
fn mean(values: &[u8], width: usize, (x0, x1): (f64, f64), (y0, y1): (f64, f64)) -> f64 {
    let (mut sum, mut area) = (0.0, 0.0);
    for y in y0 as usize..y1.ceil() as usize {
        let high = y1.min(y as f64 + 1.0) - y0.max(y as f64);
        for x in x0 as usize..x1.ceil() as usize {
            let part = high * (x1.min(x as f64 + 1.0) - x0.max(x as f64));
            if part > 0.0
                && let Some(&value) = values.get(y * width + x)
            {
                sum += f64::from(value) * part;
                area += part;
            }
        }
    }
    if area > 0.0 { sum / area } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A digit of the program's own on a larger sheet, far from its middle.
    fn sheet(zoom: usize, invert: bool) -> (usize, usize, Vec<u8>, Vec<u8>) {
        let (images, _) = crate::digits::synthetic::digits(4, 1);
        let (width, height) = (28 * zoom + 50, 28 * zoom + 9);
        let mut grey = vec![10; width * height];
        for y in 0..28 * zoom {
            for x in 0..28 * zoom {
                grey[(y + 3) * width + x + 40] = images[y / zoom * 28 + x / zoom].max(10);
            }
        }
        if invert {
            grey.iter_mut().for_each(|v| *v = 255 - *v);
        }
        (width, height, grey, images)
    }

    #[test]
    fn dark_on_light_and_light_on_dark_are_the_same_digit_of_mnists_size() {
        for zoom in [1, 3, 10] {
            let (width, height, light, _) = sheet(zoom, false);
            let found = digit(width, height, &light).unwrap();
            let (_, _, dark, _) = sheet(zoom, true);
            assert_eq!(found, digit(width, height, &dark).unwrap());
            let (xs, ys) = bounds(28, 28, &found).unwrap();
            assert_eq!(xs.len().max(ys.len()), 20, "zoom {zoom}: {xs:?} {ys:?}");
            let mass: f64 = found.iter().map(|&v| f64::from(v)).sum();
            let x: f64 = found.iter().enumerate().map(|(i, &v)| f64::from(v) * ((i % 28) as f64 + 0.5)).sum();
            assert!((x / mass - 14.0).abs() <= 0.51, "zoom {zoom}: the centre is at {}", x / mass);
        }
    }

    #[test]
    fn paper_alone_is_no_digit() {
        assert_eq!(digit(30, 20, &[255; 600]), None);
        assert_eq!(digit(3, 1, &[100, 120, 110]), None, "noise is no ink");
        assert_eq!(digit(0, 0, &[]), None);
        assert!(digit(1, 3, &[0, 255, 0]).is_some());
    }
}
