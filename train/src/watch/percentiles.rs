//! Distributions as bands.

/// Where to cut the sorted `values` into 7 buckets of equally many: the smallest value, the 6 cuts, each halfway between
/// its two neighbours, and the largest value. The values are reordered. `None` if there are no values, or not all are
/// finite.
///
/// Drawn over time, the pairs of edges (1st and 8th, 2nd and 7th, …) are 4 nested bands.
///
/// ```
/// let mut values: Vec<f32> = (0..14).map(|i| i as f32).collect();
/// assert_eq!(train::watch::percentile_edges(&mut values), Some([0.0, 1.5, 3.5, 5.5, 7.5, 9.5, 11.5, 13.0]));
/// ```
pub fn percentile_edges(values: &mut [f32]) -> Option<[f32; 8]> {
    let n = values.len();
    if n == 0 || values.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let mut edges = [0.0; 8];
    let mut rest = values;
    edges[7] = largest(rest);
    // From the right: what is below a cut is all that the next one needs.
    for k in (1..7).rev() {
        let cut = k * n / 7;
        if cut == 0 {
            // Fewer values than buckets: those at the left are empty, at the smallest value.
            edges[k] = smallest(rest);
            continue;
        }
        edges[k] = if cut == rest.len() {
            edges[k + 1] // an empty bucket
        } else {
            let (below, above, _) = rest.select_nth_unstable_by(cut, f32::total_cmp);
            rest = below;
            f32::midpoint(largest(rest), *above)
        };
    }
    edges[0] = smallest(rest);
    Some(edges)
}

fn largest(values: &[f32]) -> f32 {
    values.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

fn smallest(values: &[f32]) -> f32 {
    values.iter().copied().fold(f32::INFINITY, f32::min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::{DType, Rng, Tensor};

    /// The same by sorting everything.
    fn sorted_edges(values: &[f32]) -> [f32; 8] {
        let mut sorted = values.to_vec();
        sorted.sort_by(f32::total_cmp);
        let (n, last) = (sorted.len(), sorted.len() - 1);
        std::array::from_fn(|k| match k {
            0 => sorted[0],
            7 => sorted[last],
            _ if k * n / 7 == 0 => sorted[0],
            _ => (sorted[k * n / 7 - 1] + sorted[k * n / 7]) / 2.0,
        })
    }

    #[test]
    fn edges_are_those_of_the_sorted_values() {
        let rng = &mut Rng::new(1);
        for n in (1..60).chain([700, 12_345]) {
            let values = Tensor::normal([n], 0.0, 1.0, DType::F32, rng).to_vec::<f32>();
            let found = percentile_edges(&mut values.clone()).unwrap();
            assert_eq!(found, sorted_edges(&values), "{n} values");
            // Rectifiers give many equal values.
            let clipped: Vec<f32> = values.iter().map(|x| x.max(0.0)).collect();
            assert_eq!(
                percentile_edges(&mut clipped.clone()).unwrap(),
                sorted_edges(&clipped),
                "{n} clipped"
            );
        }
    }

    #[test]
    fn buckets_hold_equally_many() {
        let mut values: Vec<f32> = (0..7_000).map(|i| (i * 37 % 7_000) as f32).collect();
        let edges = percentile_edges(&mut values).unwrap();
        for pair in edges.windows(2) {
            let inside = values.iter().filter(|&&x| pair[0] < x && x <= pair[1]).count();
            assert!((999..=1000).contains(&inside), "{inside} in {pair:?}");
        }
    }

    #[test]
    fn nothing_and_no_numbers_have_no_edges() {
        assert_eq!(percentile_edges(&mut []), None);
        assert_eq!(percentile_edges(&mut [1.0, f32::NAN]), None);
        assert_eq!(percentile_edges(&mut [f32::INFINITY]), None);
        assert_eq!(percentile_edges(&mut [2.5]), Some([2.5; 8]));
    }
}
