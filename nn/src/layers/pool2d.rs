//! Pooling layers: images made smaller by one number for each window.

use super::{Size2d, expect_float, hint, refuse};
use crate::{Layer, Module, Padding, Var};
use autograd::Pool2d;

macro_rules! pooling {
    ($(#[$doc:meta])* $layer:ident, $op:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Module)]
        pub struct $layer {
            /// The size of a window, `[height, width]`.
            #[module(skip)]
            pub window: [usize; 2],
            /// The distance between the starts of neighbouring windows, `[height, width]`.
            #[module(skip)]
            pub stride: [usize; 2],
            /// What is put around the image.
            #[module(skip)]
            pub padding: Padding,
        }

        impl $layer {
            /// Windows of this size, one number for a square or `[height, width]`, side by side and without padding.
            ///
            /// # Panics
            /// If it is 0.
            #[track_caller]
            pub fn new(size: impl Into<Size2d>) -> $layer {
                let window = size.into().positive(stringify!($op), "window");
                $layer { window, stride: window, padding: Padding::Valid }
            }

            /// The distance between the starts of neighbouring windows.
            ///
            /// # Panics
            /// If it is 0.
            #[track_caller]
            pub fn stride(mut self, stride: impl Into<Size2d>) -> $layer {
                self.stride = stride.into().positive(stringify!($op), "stride");
                self
            }

            /// What is put around the image; it counts neither as the largest nor in an average.
            ///
            /// # Panics
            /// If it is not smaller than the window, which could then hold padding only.
            #[track_caller]
            pub fn padding(mut self, padding: Padding) -> $layer {
                if let Padding::Explicit(sides) = padding
                    && (0..2).any(|i| sides[i].iter().any(|&side| side >= self.window[i]))
                {
                    let window = self.window;
                    panic!("{}: padding {sides:?} must be smaller than the window {window:?}", stringify!($op));
                }
                self.padding = padding;
                self
            }
        }

        impl Layer for $layer {
            #[track_caller]
            fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
                let _scope = x.graph().scope(stringify!($layer));
                let pool = Pool2d { kernel: self.window, stride: self.stride, padding: self.padding };
                if let Err(error) = pool.plan(stringify!($op), x.shape()) {
                    refuse(x, None, format_args!("{error}{}", hint(x.shape(), None)));
                }
                expect_float(stringify!($op), x);
                x.$op(pool)
            }
            fn debug(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(self, f)
            }
        }
    };
}

pooling! {
    /// The largest number of each window, for each channel of images `[n, height, width, channels]`.
    ///
    /// ```
    /// use nn::{DType, Graph, Layer, MaxPool2d, Tensor};
    /// let graph = Graph::inference();
    /// let images = graph.input(Tensor::zeros([100, 28, 28, 4], DType::F32));
    /// assert_eq!(MaxPool2d::new(2).forward(images).shape(), [100, 14, 14, 4]);
    /// assert_eq!(MaxPool2d::new(3).stride(2).forward(images).shape(), [100, 13, 13, 4]);
    /// ```
    MaxPool2d, max_pool2d
}

pooling! {
    /// The mean of each window, for each channel of images `[n, height, width, channels]`.
    ///
    /// ```
    /// use nn::{AvgPool2d, Graph, Layer, Tensor};
    /// let graph = Graph::inference();
    /// let images = graph.input(Tensor::from([1.0_f32, 2.0, 3.0, 6.0]).reshape([1, 2, 2, 1]));
    /// assert_eq!(AvgPool2d::new(2).forward(images).item(), 3.0);
    /// ```
    AvgPool2d, avg_pool2d
}
