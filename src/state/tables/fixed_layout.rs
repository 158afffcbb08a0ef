//! Rows of plain numbers as bytes of a fixed length, little-endian, the same on every platform.

use crate::model::AccountKey;

/// A value that is nothing but numbers; the default one is all zeros.
pub(in crate::state) trait Plain: Copy + Default {
    /// The bytes of every value of this type.
    const N_BYTES: usize;

    /// The bytes of it in images of layout 4 and before: what has been added since is at the end,
    /// and reads as zeros.
    const N_BYTES_V4: usize = Self::N_BYTES;

    /// Writes the value into [`Plain::N_BYTES`] bytes.
    fn write(&self, out: &mut [u8]);

    /// Reads a value from [`Plain::N_BYTES`] bytes: any bytes are some value.
    fn read(bytes: &[u8]) -> Self;
}

macro_rules! plain_numbers {
    ($($number:ty),*) => {$(
        impl Plain for $number {
            const N_BYTES: usize = size_of::<$number>();

            #[inline]
            fn write(&self, out: &mut [u8]) {
                out.copy_from_slice(&self.to_le_bytes());
            }

            #[inline]
            fn read(bytes: &[u8]) -> Self {
                bytes.try_into().map_or_else(|_| Self::default(), Self::from_le_bytes)
            }
        }
    )*};
}

plain_numbers!(u8, u16, u32, u64, i32, i64, f32);

impl Plain for bool {
    const N_BYTES: usize = 1;

    fn write(&self, out: &mut [u8]) {
        out[0] = u8::from(*self);
    }

    fn read(bytes: &[u8]) -> Self {
        bytes[0] != 0
    }
}

impl<T: Plain, const N: usize> Plain for [T; N]
where
    [T; N]: Default,
{
    const N_BYTES: usize = N * T::N_BYTES;

    fn write(&self, out: &mut [u8]) {
        for (value, out) in self.iter().zip(out.chunks_exact_mut(T::N_BYTES)) {
            value.write(out);
        }
    }

    fn read(bytes: &[u8]) -> Self {
        let mut values = Self::default();
        for (value, bytes) in values.iter_mut().zip(bytes.chunks_exact(T::N_BYTES)) {
            *value = T::read(bytes);
        }
        values
    }
}

impl Plain for Option<AccountKey> {
    const N_BYTES: usize = 9;

    fn write(&self, out: &mut [u8]) {
        out[0] = u8::from(self.is_some());
        self.map_or(0, |key| key.0).write(&mut out[1..]);
    }

    fn read(bytes: &[u8]) -> Self {
        (bytes[0] != 0).then(|| AccountKey(u64::read(&bytes[1..])))
    }
}

/// Makes a struct of plain fields plain: its fields one after the other, in the order given,
/// after a function that is its own inverse, if one is named.
macro_rules! plain {
    ($row:ty { $($fields:tt)* }) => {
        $crate::state::tables::fixed_layout::plain!($row, std::convert::identity, { $($fields)* });
    };
    ($row:ty, $fold:path, { $($field:ident: $kind:ty),* $(,)? }) => {
        impl $crate::state::tables::fixed_layout::Plain for $row {
            const N_BYTES: usize =
                0 $(+ <$kind as $crate::state::tables::fixed_layout::Plain>::N_BYTES)*;

            fn write(&self, out: &mut [u8]) {
                use $crate::state::tables::fixed_layout::Plain;
                let row = $fold(*self);
                $(
                    let (field, out) = out.split_at_mut(<$kind as Plain>::N_BYTES);
                    <$kind as Plain>::write(&row.$field, field);
                )*
                assert!(out.is_empty(), "a row has its own length");
            }

            fn read(bytes: &[u8]) -> Self {
                use $crate::state::tables::fixed_layout::Plain;
                $(let ($field, bytes) = bytes.split_at(<$kind as Plain>::N_BYTES);)*
                assert!(bytes.is_empty(), "a row has its own length");
                $fold(Self { $($field: Plain::read($field)),* })
            }
        }
    };
}
pub(in crate::state) use plain;
