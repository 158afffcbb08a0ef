//! Bundles out of the snapshot store, for the turns of a replay.

use crate::{journal::Bundle, pipeline::causes, store::Store};

/// Returns how a bundle is read from a store, as [`turns`](crate::journal::turns) asks for it. The
/// error is a sentence for the operator.
pub fn bundles_of(store: Option<&Store>) -> impl Fn(&str) -> Result<Bundle, String> {
    move |hash| fetch(hash, store)
}

fn fetch(hash: &str, store: Option<&Store>) -> Result<Bundle, String> {
    let Some(store) = store else {
        return Err("there is no snapshot store (snapshots.url: none); start with the \
                    configuration of that time, or set snapshots.url to where bundles were kept"
            .to_owned());
    };
    let bytes = store.get_bundle(hash).map_err(|error| {
        format!(
            "{}; restore v1/bundles/{hash} in {}, or start with the configuration of that time",
            causes(&error),
            store.url()
        )
    })?;
    Bundle::decode(hash, &bytes).map_err(|error| causes(&error))
}
