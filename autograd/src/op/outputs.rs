//! The values of an operation: nearly always one.

/// The values of an operation, at least one; up to two lie where this lies, so that a step that is repeated allocates nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs<T> {
    first: T,
    second: Option<T>,
    rest: Vec<T>,
}

impl<T> Outputs<T> {
    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        1 + usize::from(self.second.is_some()) + self.rest.len()
    }

    /// The first.
    pub fn first(&self) -> &T {
        &self.first
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.first).chain(&self.second).chain(&self.rest)
    }
}

impl<T> From<T> for Outputs<T> {
    fn from(first: T) -> Outputs<T> {
        Outputs { first, second: None, rest: vec![] }
    }
}

impl<T, const M: usize> From<[T; M]> for Outputs<T> {
    /// # Panics
    /// If there is none.
    fn from(values: [T; M]) -> Outputs<T> {
        let mut values = values.into_iter();
        match values.next() {
            Some(first) => Outputs { first, second: values.next(), rest: values.collect() },
            None => panic!("outputs: an operation has at least one value"),
        }
    }
}

impl<T> IntoIterator for Outputs<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<
        std::iter::Chain<std::iter::Once<T>, std::option::IntoIter<T>>,
        std::vec::IntoIter<T>,
    >;
    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(self.first).chain(self.second).chain(self.rest)
    }
}
