//! The tensor itself: a shared buffer and a layout.

use crate::array::dtype::{DType, Element, Storage, for_any};
use crate::array::layout::{Layout, ViewOp};
use crate::array::map::{self, Strided};
use crate::array::shape::{OrPanic, Shape, ShapeError};
use crate::array::storage::Buffer;

/// An n-dimensional array of `f32`, `f64`, `i64` or `bool`.
///
/// Cloning is cheap: clones and views share one buffer. Values do not change under anybody's feet, since a method that
/// writes does so in place only when nobody else holds the buffer and works on a copy otherwise.
///
/// ```
/// use tensor::Tensor;
/// let x = Tensor::from([[1.0_f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
/// let y = (&x * 10.0).t() + Tensor::from([1.0_f32, 2.0]);
/// assert_eq!(y.shape(), [3, 2]);
/// assert_eq!(y.to_vec::<f32>(), [11.0, 42.0, 21.0, 52.0, 31.0, 62.0]);
/// ```
#[derive(Clone)]
pub struct Tensor {
    storage: Storage,
    layout: Layout,
}

impl Tensor {
    pub(crate) fn from_buffer<T: Element>(buffer: Buffer<T>, shape: Shape) -> Tensor {
        debug_assert_eq!(buffer.len(), shape.numel());
        Tensor { storage: T::storage(buffer), layout: Layout::contiguous(shape) }
    }

    /// The sizes of the axes.
    #[inline]
    pub fn shape(&self) -> Shape {
        self.layout.shape()
    }

    /// The number of axes: 0 for a single number, 1 for a vector, 2 for a matrix.
    #[inline]
    pub fn rank(&self) -> usize {
        self.shape().len()
    }

    /// The number of elements.
    #[inline]
    pub fn numel(&self) -> usize {
        self.shape().numel()
    }

    /// The type of the elements.
    #[inline]
    pub fn dtype(&self) -> DType {
        self.storage.dtype()
    }

    /// How the elements lie in the buffer.
    #[inline]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Whether both tensors are views of one buffer.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let x = Tensor::from([[1.0_f32, 2.0], [3.0, 4.0]]);
    /// assert!(x.shares_buffer(&x.t()));
    /// assert!(!x.shares_buffer(&x.t().contiguous()));
    /// ```
    pub fn shares_buffer(&self, other: &Tensor) -> bool {
        self.storage.address() == other.storage.address()
    }

    /// A number that tensors have in common exactly if they are views of one buffer; it is given anew when all are gone.
    pub fn buffer_id(&self) -> usize {
        self.storage.address()
    }

    /// The elements as a slice of `T`, if they are of that type and in row-major order without gaps.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let x = Tensor::from([1.0_f32, 2.0]);
    /// assert_eq!(x.as_slice::<f32>(), Some(&[1.0, 2.0][..]));
    /// assert_eq!(x.as_slice::<f64>(), None);
    /// ```
    pub fn as_slice<T: Element>(&self) -> Option<&[T]> {
        if !self.layout.is_contiguous() {
            return None;
        }
        let start = if self.numel() == 0 { 0 } else { self.layout.offset() as usize };
        T::buffer(&self.storage).map(|buffer| &buffer[start..start + self.numel()])
    }

    /// The elements for writing, in row-major order. Elements that anybody else can see are copied first.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let mut x = Tensor::from([1.0_f32, 2.0]);
    /// let before = x.clone();
    /// x.as_mut_slice::<f32>()[0] = 9.0;
    /// assert_eq!(x.to_vec::<f32>(), [9.0, 2.0]);
    /// assert_eq!(before.to_vec::<f32>(), [1.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If the elements are of another type.
    #[track_caller]
    pub fn as_mut_slice<T: Element>(&mut self) -> &mut [T] {
        self.expect_dtype("as_mut_slice", T::DTYPE).or_panic();
        let whole = self.layout.is_contiguous()
            && T::buffer(&self.storage).is_some_and(|buffer| buffer.len() == self.numel());
        if !whole || T::buffer_mut(&mut self.storage).and_then(Buffer::get_mut).is_none() {
            *self = Tensor::from_buffer(map::copy(self.strided::<T>()), self.shape());
        }
        let count = self.numel();
        match T::buffer_mut(&mut self.storage).and_then(Buffer::get_mut) {
            Some(buffer) => &mut buffer[..count],
            None => unreachable!("the buffer was just made"),
        }
    }

    /// The elements in row-major order.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// assert_eq!(Tensor::from([[1_i64, 2], [3, 4]]).t().to_vec::<i64>(), [1, 3, 2, 4]);
    /// ```
    ///
    /// # Panics
    /// If the elements are of another type; convert with [`to`](Tensor::to) first.
    #[track_caller]
    pub fn to_vec<T: Element>(&self) -> Vec<T> {
        self.expect_dtype("to_vec", T::DTYPE).or_panic();
        match self.as_slice() {
            Some(slice) => slice.to_vec(),
            None => map::copy(self.strided::<T>()).to_vec(),
        }
    }

    /// The only element, as an `f64`; an integer beyond 2⁵³ is rounded, [`to_vec`](Tensor::to_vec) has all its digits.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// assert_eq!(Tensor::from([1.0_f32, 2.0]).sum(..).item(), 3.0);
    /// ```
    ///
    /// # Panics
    /// If there is not exactly one element.
    #[track_caller]
    pub fn item(&self) -> f64 {
        if self.numel() != 1 {
            panic!("item: {} has {} elements, not one", self.shape(), self.numel());
        }
        for_any!(self.dtype(), T => {
            let x = self.strided::<T>();
            crate::array::dtype::Stored::to_f64(x.data[self.layout.offset() as usize])
        })
    }

    /// The elements converted to another type: floats to integers toward zero, anything but zero to `true`.
    ///
    /// ```
    /// # use tensor::{DType, Tensor};
    /// let x = Tensor::from([-1.7_f32, 0.0, 2.5]);
    /// assert_eq!(x.to(DType::I64).to_vec::<i64>(), [-1, 0, 2]);
    /// assert_eq!(x.to(DType::Bool).to_vec::<bool>(), [true, false, true]);
    /// ```
    #[track_caller]
    pub fn to(&self, dtype: DType) -> Tensor {
        if dtype == self.dtype() {
            return self.clone();
        }
        for_any!(self.dtype(), A => for_any!(dtype, B => {
            let cast = |x: &[A], out: &mut [B]| crate::runtime::loops::map(x, out, <B as crate::array::dtype::Stored>::cast);
            Tensor::from_buffer(map::map1(self.strided::<A>(), &cast), self.shape())
        }))
    }

    /// This tensor in row-major order without gaps: itself if it is, a copy otherwise.
    #[track_caller]
    pub fn contiguous(&self) -> Tensor {
        if self.layout.is_contiguous() { self.clone() } else { self.copy() }
    }

    /// A copy with a buffer of its own.
    #[track_caller]
    pub fn copy(&self) -> Tensor {
        for_any!(self.dtype(), T => Tensor::from_buffer(map::copy(self.strided::<T>()), self.shape()))
    }

    /// The elements with their layout, for a kernel. The dtype has been checked.
    pub(crate) fn strided<T: Element>(&self) -> Strided<'_, T> {
        match T::buffer(&self.storage) {
            Some(buffer) => Strided { data: buffer, layout: self.layout },
            None => unreachable!("a kernel for {} got {}", T::DTYPE, self.dtype()),
        }
    }

    /// The buffer itself, to ask who else holds it.
    pub(crate) fn shared_buffer<T: Element>(&self) -> Option<&Buffer<T>> {
        T::buffer(&self.storage)
    }

    pub(crate) fn with_layout(&self, layout: Layout) -> Tensor {
        Tensor { storage: self.storage.clone(), layout }
    }

    pub(crate) fn expect_dtype(&self, op: &'static str, dtype: DType) -> Result<(), ShapeError> {
        if self.dtype() == dtype {
            return Ok(());
        }
        Err(ShapeError::new(
            op,
            format!(
                "the tensor {} holds {}, not {dtype}; convert it with .to(…)",
                self.shape(),
                self.dtype()
            ),
        ))
    }

    /// This tensor seen through `view`, sharing its elements.
    ///
    /// # Panics
    /// If the view does not fit the shape.
    #[track_caller]
    pub fn view(&self, view: &ViewOp) -> Tensor {
        self.with_layout(view.of(&self.layout).or_panic())
    }
}

/// What is wrong with a tensor whose elements an operation is not for.
pub(crate) fn wrong_type(op: &'static str, x: &Tensor, wanted: &str) -> ShapeError {
    ShapeError::new(
        op,
        format!("the tensor {} holds {}, not {wanted}; convert it with .to(…)", x.shape(), x.dtype()),
    )
}

/// The adjoint of [`view`](Tensor::view): a tensor of shape `base`, zero but for the elements that `view` of it
/// names, each of which is the sum of the elements of `self` in its place.
///
/// ```
/// # use tensor::{kernels, Slice, Tensor, ViewOp};
/// let view = ViewOp::Slice(0, Slice::from(1..4).step(2));
/// let y = kernels::scatter_view(&Tensor::from([5.0_f32, 7.0]), &view, [5].into());
/// assert_eq!(y.to_vec::<f32>(), [0.0, 5.0, 0.0, 7.0, 0.0]);
/// ```
///
/// # Panics
/// If `view` of a tensor of shape `base` has not the shape of `self`, or the elements are `bool`.
#[track_caller]
pub fn scatter_view(grad: &Tensor, view: &ViewOp, base: Shape) -> Tensor {
    let target = view.of(&Layout::contiguous(base)).or_panic();
    if target.shape() != grad.shape() {
        panic!("scatter_view: {} is not the shape {} of the view of {base}", grad.shape(), target.shape());
    }
    crate::array::dtype::for_number!(grad.dtype(), T => {
        let mut out = Buffer::full(base.numel(), T::default());
        map::scatter(&mut out, &target, grad.strided::<T>(), crate::ops::number::Number::plus);
        Tensor::from_buffer(out, base)
    }, else panic!("{}", wrong_type("scatter_view", grad, "numbers")))
}
