//! Rules about accounts that the operator's lists name.

pub(super) mod sanctioned;
