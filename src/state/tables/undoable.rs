//! What a reorg can take back: the one trait of it, and the one list of tables that have it.

use crate::model::EventTime;

/// Something whose writes can be undone back to a mark taken before them.
///
/// Every implementation takes its own fields apart without `..` where it takes a mark, so that a
/// new field does not compile before somebody has said what a reorg does to it.
pub(in crate::state) trait Undoable: Sized {
    /// A point to go back to.
    type Mark;

    /// Returns the present point.
    fn mark(&self) -> Self::Mark;

    /// Takes everything back to a mark.
    fn revert(&mut self, mark: &Self::Mark);

    /// Forgets how to go back beyond a mark.
    fn forget(&mut self, mark: &Self::Mark);

    /// Forgets how to go back at all.
    fn forget_all(&mut self) {
        let mark = self.mark();
        self.forget(&mark);
    }

    /// Returns the same thing to be written, sharing memory with this one.
    fn share(&mut self) -> Self;

    /// Returns the bytes that undo information takes.
    fn n_undo_bytes(&self) -> usize;
}

/// Declares things that are small enough to be their own mark.
macro_rules! own_mark {
    ($type:ty) => {
        impl $crate::state::tables::undoable::Undoable for $type {
            type Mark = Self;

            fn mark(&self) -> Self {
                *self
            }

            fn revert(&mut self, mark: &Self) {
                *self = *mark;
            }

            fn forget(&mut self, _: &Self) {}

            fn share(&mut self) -> Self {
                *self
            }

            fn n_undo_bytes(&self) -> usize {
                0
            }
        }
    };
}

/// Declares a struct all of whose fields can be undone, together with its mark. A field whose type
/// is not [`Undoable`] does not compile, and no field can be left out of any of the steps.
macro_rules! undoable {
    (
        $(#[$about:meta])*
        $visible:vis struct $Name:ident {
            $($(#[$about_field:meta])* $field_visible:vis $field:ident: $Type:ty,)*
        }
        $(#[$about_mark:meta])*
        $mark_visible:vis struct $Mark:ident;
    ) => {
        $(#[$about])*
        $visible struct $Name {
            $($(#[$about_field])* $field_visible $field: $Type,)*
        }

        $(#[$about_mark])*
        $mark_visible struct $Mark {
            $($field: <$Type as $crate::state::tables::undoable::Undoable>::Mark,)*
        }

        impl $crate::state::tables::undoable::Undoable for $Name {
            type Mark = $Mark;

            fn mark(&self) -> $Mark {
                $Mark { $($field: self.$field.mark(),)* }
            }

            fn revert(&mut self, mark: &$Mark) {
                $(self.$field.revert(&mark.$field);)*
            }

            fn forget(&mut self, mark: &$Mark) {
                $(self.$field.forget(&mark.$field);)*
            }

            fn share(&mut self) -> Self {
                Self { $($field: self.$field.share(),)* }
            }

            fn n_undo_bytes(&self) -> usize {
                0 $(+ self.$field.n_undo_bytes())*
            }
        }

        #[cfg(test)]
        impl $Name {
            /// The names of all parts.
            const PARTS: &[&str] = &[$(stringify!($field),)*];

            /// Returns the names of the parts in which two of these differ.
            fn differing(&self, other: &Self) -> Vec<&'static str> {
                let mut names = Vec::new();
                $(if self.$field != other.$field {
                    names.push(stringify!($field));
                })*
                names
            }
        }
    };
}

pub(in crate::state) use {own_mark, undoable};

own_mark!(Option<EventTime>);
